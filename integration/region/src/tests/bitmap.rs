//! The bitmap alone: what it keeps, what it gives first, and what it takes back.

use crate::bitmap::Bitmap;

#[test]
fn reserved_addresses_are_neither_given_nor_taken_back() {
    let mut map = Bitmap::new(16);
    let given: Vec<u32> = std::iter::from_fn(|| map.take_lowest()).collect();
    assert_eq!(given, (4..15).collect::<Vec<_>>());
    for reserved in [0, 3, 15, 16] {
        assert!(!map.take(reserved) && !map.release(reserved), "{reserved}");
    }
    assert_eq!((map.free(), map.used(), map.recounted()), (0, 11, 11));
}

#[test]
fn a_block_is_given_whole_or_not_at_all() {
    let mut map = Bitmap::new(64);
    assert!(!map.take_block(0) && !map.take_block(48), "the first and the last hold reserved addresses");
    assert!(!map.take_block(24), "free, but not aligned");
    assert!(map.take(20));
    assert_eq!(map.take_lowest_block(), Some(32));
    assert_eq!(map.take_lowest_block(), None);
    assert!(map.release(20) && !map.release(20));
    assert!(map.release_block(32) && !map.release_block(32));
    assert_eq!(map.take_lowest_block(), Some(16));
    assert_eq!(map.used(), 16);
}
