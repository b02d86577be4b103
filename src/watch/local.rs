//! Which addresses are this machine's.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// Whether `address` is one of this machine: loopback, the unspecified address (where clients reach this machine), or one of
/// a network interface. No packet is sent. Where the system lets programs bind to foreign addresses
/// (`net.ipv4.ip_nonlocal_bind`) every address seems to be here.
#[must_use]
pub fn is_on_this_machine(address: IpAddr) -> bool {
    let address = address.to_canonical();
    // These can be bound too, and are no machine's.
    if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return false;
    }
    address.is_loopback()
        || address.is_unspecified()
        // Only an address of this machine can be bound.
        || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_here_and_another_machines_address_is_not() {
        let here = ["127.0.0.1", "127.8.9.10", "0.0.0.0", "::1", "::ffff:127.0.0.1"];
        // 192.0.2.0/24 and 2001:db8::/32 are for documentation (RFC 5737, RFC 3849): nobody's.
        let elsewhere = ["192.0.2.1", "2001:db8::1", "224.0.0.1", "255.255.255.255"];
        for (addresses, is_here) in [(&here[..], true), (&elsewhere[..], false)] {
            for address in addresses {
                let address: IpAddr = address.parse().expect("an address");
                assert_eq!(is_on_this_machine(address), is_here, "{address}");
            }
        }
    }
}
