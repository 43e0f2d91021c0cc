package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"ringback/agent"
)

func TestTracePcapng(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 123456000, time.UTC)
	records := []agent.TraceRecord{
		{Time: at, From: "127.0.0.10:5060", To: "127.0.0.1:40312", Transport: "UDP", Message: "OPTIONS sip:1001@127.0.0.1 SIP/2.0\r\n\r\n"},
		{Time: at.Add(time.Millisecond), From: "[::1]:40312", To: "[::1]:5061", Transport: "TLS", Message: "SIP/2.0 200 OK\r\n\r\n"},
	}
	var file bytes.Buffer
	if err := writeTracePcapng(&file, "", records); err != nil {
		t.Fatal(err)
	}
	in, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		data, info, err := in.ReadPacketData()
		if err != nil {
			t.Fatal(err)
		}
		first := gopacket.Decoder(layers.LayerTypeIPv4)
		if data[0]>>4 == 6 {
			first = layers.LayerTypeIPv6
		}
		packet := gopacket.NewPacket(data, first, gopacket.Default)
		udp, _ := packet.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if packet.ErrorLayer() != nil || udp == nil || string(udp.Payload) != r.Message {
			t.Fatalf("packet %v is not the message %q", packet, r.Message)
		}
		if !info.Timestamp.Equal(r.Time) {
			t.Fatalf("time %v, want %v", info.Timestamp, r.Time)
		}
	}
	if err := writeTracePcapng(&file, "", []agent.TraceRecord{{From: "nowhere", To: "127.0.0.1:1"}}); err == nil {
		t.Fatal("a record without an address was written")
	}
}
