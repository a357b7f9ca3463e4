//! Which TCP connection a frame belongs to.

/// Addresses and ports of one direction of one connection, as they stand in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flow([u8; 12]);

/// Bytes of an Ethernet head without VLAN tags.
const ETHERNET_HEAD: usize = 14;

impl Flow {
    /// None for anything but TCP over IPv4.
    pub(super) fn of(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET_HEAD..)?;
        let ipv4 = frame[12..ETHERNET_HEAD] == [0x08, 0x00];
        let head = usize::from(packet.first()? & 0x0f) * 4;
        if !ipv4 || *packet.get(9)? != 6 {
            return None;
        }
        let mut flow = [0; 12];
        flow[..8].copy_from_slice(packet.get(12..20)?);
        flow[8..].copy_from_slice(packet.get(head..head + 4)?);
        Some(Self(flow))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A frame of the connection from this port.
    pub(in crate::lab) fn frame(port: u16, size: usize) -> Vec<u8> {
        let mut frame = vec![0; size.max(54)];
        frame[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
        frame[23] = 6;
        frame[34..36].copy_from_slice(&port.to_be_bytes());
        frame
    }

    #[test]
    fn connections_are_told_apart_by_their_ports_and_other_frames_belong_to_none() {
        assert_eq!(Flow::of(&frame(1, 60)), Flow::of(&frame(1, 1500)));
        assert_ne!(Flow::of(&frame(1, 60)), Flow::of(&frame(2, 60)));
        let mut udp = frame(1, 60);
        udp[23] = 17;
        let mut arp = frame(1, 60);
        arp[13] = 6;
        assert_eq!((Flow::of(&udp), Flow::of(&arp), Flow::of(&[])), (None, None, None));
        for length in 0..38 {
            assert_eq!(Flow::of(&frame(1, 60)[..length]), None, "{length}");
        }
    }
}
