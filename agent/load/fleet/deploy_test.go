package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	strict "sigs.k8s.io/json"

	"ringback/agent/load"
)

// cluster is what the shipped manifest asks of Kubernetes.
type cluster struct {
	configs     map[string]core.ConfigMap
	services    map[string]core.Service
	deployments map[string]apps.Deployment
	jobs        map[string]batch.Job
}

func readDeployed(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../testdata/load", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// into reads one object; a field that Kubernetes does not have, is there twice, or has
// another type fails.
func into[T any](t *testing.T, text []byte, all map[string]T, name func(T) string) {
	t.Helper()
	var object T
	wrong, err := strict.UnmarshalStrict(text, &object)
	if err != nil || len(wrong) > 0 {
		t.Fatalf("%s: %v %v", text, err, wrong)
	}
	all[name(object)] = object
}

func readCluster(t *testing.T) cluster {
	t.Helper()
	c := cluster{map[string]core.ConfigMap{}, map[string]core.Service{}, map[string]apps.Deployment{}, map[string]batch.Job{}}
	for _, document := range strings.Split(string(readDeployed(t, "kubernetes.yaml")), "\n---\n") {
		text, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := strict.UnmarshalCaseSensitivePreserveInts(text, &head); err != nil {
			t.Fatal(err)
		}
		switch head.APIVersion + " " + head.Kind {
		case "v1 ConfigMap":
			into(t, text, c.configs, func(o core.ConfigMap) string { return o.Name })
		case "v1 Service":
			into(t, text, c.services, func(o core.Service) string { return o.Name })
		case "apps/v1 Deployment":
			into(t, text, c.deployments, func(o apps.Deployment) string { return o.Name })
		case "batch/v1 Job":
			into(t, text, c.jobs, func(o batch.Job) string { return o.Name })
		default:
			t.Errorf("%+v is not looked at by this test", head)
		}
	}
	return c
}

// flag is the value of a flag among arguments.
func flag(t *testing.T, args []string, name string) string {
	t.Helper()
	i := slices.Index(args, name)
	if i < 0 || i+1 == len(args) {
		t.Fatalf("%v has no %s", args, name)
	}
	return args[i+1]
}

// The manifest is of Kubernetes' own types, and its parts fit together.
func TestKubernetes_Manifest(t *testing.T) {
	c := readCluster(t)
	config := c.configs["ringback-load"]
	if _, err := load.ParsePlan([]byte(config.Data["plan.yaml"])); err != nil {
		t.Errorf("its plan: %v", err)
	}
	generators, coordinator := c.jobs["ringback-load-generators"], c.jobs["ringback-load"]
	args := generators.Spec.Template.Spec.Containers[0].Args
	n := *generators.Spec.Completions
	if *generators.Spec.CompletionMode != batch.IndexedCompletion || *generators.Spec.Parallelism != n || *generators.Spec.BackoffLimit != 0 {
		t.Errorf("%+v: all have to run at a time, each with an index, and once", generators.Spec)
	}
	for i := range n {
		got, err := load.ParsePart(flag(t, args, "--shard"), func(string) string { return fmt.Sprint(i) })
		if want := (load.Part{Index: int(i), Of: int(n)}); got != want || err != nil {
			t.Errorf("pod %d makes %v, %v", i, got, err)
		}
	}
	leads := coordinator.Spec.Template.Spec.Containers[0].Args
	if flag(t, leads, "--generators") != fmt.Sprint(n) {
		t.Errorf("%v, and there are %d", leads, n)
	}
	service := c.services["ringback-nats"]
	want := fmt.Sprintf("nats://%s:%d", service.Name, service.Spec.Ports[0].Port)
	for _, a := range [][]string{args, leads} {
		if flag(t, a, "--nats") != want || a[len(a)-1] != "/plan/plan.yaml" {
			t.Errorf("%v, and NATS is at %s", a, want)
		}
	}
	nats := c.deployments["ringback-nats"].Spec.Template
	for key, value := range service.Spec.Selector {
		if nats.Labels[key] != value {
			t.Errorf("the service looks for %s: %s, and NATS has %v", key, value, nats.Labels)
		}
	}
	for _, pod := range []core.PodTemplateSpec{generators.Spec.Template, coordinator.Spec.Template, nats} {
		fits(t, c, pod.Spec)
	}
}

// fits holds that what a pod mounts and reads is there, and that it keeps to itself.
func fits(t *testing.T, c cluster, pod core.PodSpec) {
	t.Helper()
	one := pod.Containers[0]
	for _, m := range one.VolumeMounts {
		if !slices.ContainsFunc(pod.Volumes, func(v core.Volume) bool { return v.Name == m.Name }) {
			t.Errorf("%s mounts %s, and there is no such volume", one.Name, m.Name)
		}
	}
	for _, v := range pod.Volumes {
		if v.ConfigMap == nil {
			continue
		}
		for _, item := range v.ConfigMap.Items {
			if c.configs[v.ConfigMap.Name].Data[item.Key] == "" {
				t.Errorf("%s: %s holds no %s", one.Name, v.ConfigMap.Name, item.Key)
			}
		}
	}
	for _, e := range one.Env {
		if e.Value != "" || e.ValueFrom.SecretKeyRef == nil {
			t.Errorf("%s: %s does not come from a secret", one.Name, e.Name)
		}
	}
	if !*pod.SecurityContext.RunAsNonRoot || !*one.SecurityContext.ReadOnlyRootFilesystem || *one.SecurityContext.AllowPrivilegeEscalation || *pod.AutomountServiceAccountToken {
		t.Errorf("%s may more than it needs", one.Name)
	}
}

// The compose file's generators are all parts of one plan, which can be read.
func TestCompose(t *testing.T) {
	if _, err := load.ParsePlan(readDeployed(t, "plan.yaml")); err != nil {
		t.Error(err)
	}
	var file struct {
		Services map[string]struct {
			Command []string `yaml:"command"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal(readDeployed(t, "compose.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	parts := map[load.Part]bool{}
	for name, s := range file.Services {
		if !strings.HasPrefix(name, "generator-") {
			continue
		}
		p, err := load.ParsePart(flag(t, s.Command, "--shard"), nil)
		if err != nil || parts[p] || fmt.Sprint(p.Of) != flag(t, file.Services["coordinator"].Command, "--generators") {
			t.Errorf("%s makes %v, %v", name, p, err)
		}
		parts[p] = true
	}
	if got := flag(t, file.Services["coordinator"].Command, "--generators"); got != fmt.Sprint(len(parts)) {
		t.Errorf("%s generators are waited for, and there are %d", got, len(parts))
	}
}
