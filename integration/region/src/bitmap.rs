//! Which addresses of a subnet are taken, one bit each, by offset from the subnet's first address. It knows offsets and
//! aligned blocks of 16, never addresses or owners.

use std::ops::Range;

/// Addresses EC2 keeps at the start of a subnet.
const RESERVED_FIRST: u32 = 4;
/// Addresses EC2 keeps in all: the first four and the last.
pub(crate) const RESERVED: u32 = RESERVED_FIRST + 1;
/// Addresses of a prefix (/28).
pub(crate) const BLOCK: u32 = 16;

/// Offsets from one on and before another.
pub(crate) type Span = Range<u32>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap {
    /// Bit `i % 64` of word `i / 64` is set if offset `i` is taken or reserved.
    words: Vec<u64>,
    /// As `words`: set where nothing is found by searching, only taken by name.
    closed: Vec<u64>,
    size: u32,
    /// Taken, without the reserved ones.
    used: u32,
}

impl Bitmap {
    /// A map of `size` addresses, all free but the reserved ones. A subnet is a power of two of at least 16.
    pub(crate) fn new(size: u32) -> Self {
        let mut map = Self {
            words: vec![0; size.div_ceil(64) as usize],
            closed: vec![0; size.div_ceil(64) as usize],
            size,
            used: 0,
        };
        for offset in (0..RESERVED_FIRST).chain([size - 1]) {
            map.write(offset, true);
        }
        map
    }

    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    pub(crate) fn used(&self) -> u32 {
        self.used
    }

    pub(crate) fn free(&self) -> u32 {
        self.size - RESERVED - self.used
    }

    /// Taken addresses counted again from the bits: what `used` must be.
    pub(crate) fn recounted(&self) -> u32 {
        let taken: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        taken.saturating_sub(RESERVED)
    }

    pub(crate) fn is_reserved(&self, offset: u32) -> bool {
        offset < RESERVED_FIRST || offset == self.size - 1
    }

    pub(crate) fn is_taken(&self, offset: u32) -> bool {
        self.words.get((offset / 64) as usize).is_none_or(|word| word >> (offset % 64) & 1 == 1)
    }

    /// Takes one address; false if it was not free.
    pub(crate) fn take(&mut self, offset: u32) -> bool {
        if self.is_taken(offset) || offset >= self.size {
            return false;
        }
        self.write(offset, true);
        self.used += 1;
        true
    }

    /// Gives one address back; false if it was not taken, or is reserved.
    pub(crate) fn release(&mut self, offset: u32) -> bool {
        if offset >= self.size || self.is_reserved(offset) || !self.is_taken(offset) {
            return false;
        }
        self.write(offset, false);
        self.used -= 1;
        true
    }

    /// Closes offsets to every search that does not name them.
    pub(crate) fn close(&mut self, span: Span) {
        for offset in span {
            if let Some(word) = self.closed.get_mut((offset / 64) as usize) {
                *word |= 1 << (offset % 64);
            }
        }
    }

    /// Takes the lowest free address that is not closed.
    pub(crate) fn take_lowest(&mut self) -> Option<u32> {
        let shut = self.words.iter().zip(&self.closed).map(|(taken, closed)| taken | closed);
        let (index, word) = shut.enumerate().find(|(_, word)| *word != u64::MAX)?;
        let offset = u32::try_from(index).ok()? * 64 + word.trailing_ones();
        self.take(offset).then_some(offset)
    }

    /// Takes an aligned block of 16; false if it is not aligned or not wholly free.
    pub(crate) fn take_block(&mut self, offset: u32) -> bool {
        let free = offset.is_multiple_of(BLOCK)
            && offset < self.size
            && (offset..offset + BLOCK).all(|address| !self.is_taken(address));
        free && (offset..offset + BLOCK).all(|address| self.take(address))
    }

    /// Takes the lowest aligned block of 16 that is wholly free and nowhere closed.
    pub(crate) fn take_lowest_block(&mut self) -> Option<u32> {
        (0..self.size)
            .step_by(BLOCK as usize)
            .find(|offset| !self.is_closed(*offset) && self.take_block(*offset))
    }

    /// Takes the lowest such block inside a span that begins with one, closed or not.
    pub(crate) fn take_lowest_block_in(&mut self, span: Span) -> Option<u32> {
        span.step_by(BLOCK as usize).find(|offset| self.take_block(*offset))
    }

    /// Whether any of a block is closed.
    fn is_closed(&self, block: u32) -> bool {
        let word = self.closed.get((block / 64) as usize).copied().unwrap_or(0);
        word >> (block % 64) & 0xffff != 0
    }

    /// Gives a block back; false if any of it was not taken.
    pub(crate) fn release_block(&mut self, offset: u32) -> bool {
        (offset..offset + BLOCK).filter(|address| self.release(*address)).count() == BLOCK as usize
    }

    fn write(&mut self, offset: u32, taken: bool) {
        if let Some(word) = self.words.get_mut((offset / 64) as usize) {
            let bit = 1 << (offset % 64);
            *word = if taken { *word | bit } else { *word & !bit };
        }
    }
}
