//! How many sockets may wait for their first message: whoever has said who they are is bounded by the
//! voice sessions there are, and before that by this.

use crate::limits::Address;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// In total. They wait for a few seconds at most.
const WAITING_MAX: usize = 1024;

/// Of one address: everybody behind one connection to the Internet whose call begins at once.
const WAITING_OF_ADDRESS_MAX: usize = 32;

/// Where sockets wait for their first message.
#[derive(Debug, Clone, Default)]
pub struct Door(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    total: usize,
    of_address: HashMap<Address, usize>,
}

impl Door {
    /// A place for as long as it is kept; `None` when there is none.
    pub fn enter(&self, address: Address) -> Option<Place> {
        let mut waiting = self.lock();
        let of_address = waiting.of_address.get(&address).copied().unwrap_or_default();
        if waiting.total >= WAITING_MAX || of_address >= WAITING_OF_ADDRESS_MAX {
            return None;
        }
        waiting.total += 1;
        waiting.of_address.insert(address, of_address + 1);
        Some(Place { door: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one socket.
#[derive(Debug)]
pub struct Place {
    door: Door,
    address: Address,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.door.lock();
        waiting.total -= 1;
        match waiting.of_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(waiting.of_address.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn address(number: usize) -> Address {
        IpAddr::from(Ipv4Addr::from_bits(number as u32)).into()
    }

    #[test]
    fn places_are_bounded_for_each_address_and_in_total_and_are_given_back() {
        let door = Door::default();
        let mut places: Vec<_> =
            (0..WAITING_OF_ADDRESS_MAX).map(|_| door.enter(address(0)).unwrap()).collect();
        assert!(door.enter(address(0)).is_none());
        places.pop();
        places.push(door.enter(address(0)).unwrap());
        assert!(door.enter(address(0)).is_none());
        places.extend((1..=WAITING_MAX - WAITING_OF_ADDRESS_MAX).map(|n| door.enter(address(n)).unwrap()));
        assert!(door.enter(address(usize::from(u16::MAX))).is_none());
        drop(places);
        assert_eq!(door.lock().total, 0);
        assert!(door.lock().of_address.is_empty());
    }
}
