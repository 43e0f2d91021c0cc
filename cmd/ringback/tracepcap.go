package main

import (
	"fmt"
	"io"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"ringback/agent"
)

// writeTracePcapng writes each message as one UDP datagram between the addresses
// that it went between, whatever carried it: what TLS hid is readable here, and
// what was taken out stays out.
func writeTracePcapng(w io.Writer, _ string, records []agent.TraceRecord) error {
	file, err := pcapgo.NewNgWriter(w, layers.LinkTypeRaw)
	if err != nil {
		return err
	}
	for _, r := range records {
		packet, err := datagram(r)
		if err != nil {
			return err
		}
		info := gopacket.CaptureInfo{Timestamp: r.Time, CaptureLength: len(packet), Length: len(packet)}
		if err := file.WritePacket(info, packet); err != nil {
			return err
		}
	}
	return file.Flush()
}

// datagram is a message behind IP and UDP headers.
func datagram(r agent.TraceRecord) ([]byte, error) {
	from, err := netip.ParseAddrPort(r.From)
	if err != nil {
		return nil, fmt.Errorf("read address %q: %w", r.From, err)
	}
	to, err := netip.ParseAddrPort(r.To)
	if err != nil {
		return nil, fmt.Errorf("read address %q: %w", r.To, err)
	}
	udp := &layers.UDP{SrcPort: layers.UDPPort(from.Port()), DstPort: layers.UDPPort(to.Port())}
	var ip interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	}
	if from.Addr().Unmap().Is4() && to.Addr().Unmap().Is4() {
		ip = &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP,
			SrcIP: from.Addr().Unmap().AsSlice(), DstIP: to.Addr().Unmap().AsSlice()}
	} else {
		a, b := from.Addr().As16(), to.Addr().As16()
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: a[:], DstIP: b[:]}
	}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	out := gopacket.NewSerializeBuffer()
	err = gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		ip, udp, gopacket.Payload(r.Message))
	return out.Bytes(), err
}
