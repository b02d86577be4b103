//! The program's memory: what was given back last is handed out first.
//!
//! A request takes two dozen small blocks and gives them back before the next one begins. Mimalloc hands out those that have
//! waited longest, which have left the nearest caches by then. So each thread keeps a few blocks of each size on a list and
//! hands out the one that came last; docs/performance.md has what that gains.
//!
//! A thread keeps up to `MOST` blocks of a size, a megabyte of all sizes together, and gives them back at its end.
#![expect(unsafe_code, reason = "an allocator deals in addresses, and its trait is unsafe")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr::{self, NonNull};

use mimalloc::MiMalloc;

/// Blocks that a thread keeps of each size.
const MOST: u8 = 32;

/// Sizes are multiples of this, in bytes, and all blocks are aligned to it.
const STEP: usize = 16;

/// Sizes kept: up to 1 KiB. What is larger is rarer, and takes longer to fill than to find.
const SIZES: usize = 64;

/// Where blocks come from, and large ones always.
static HEAP: MiMalloc = MiMalloc;

thread_local! {
    static KEPT: Kept = const { Kept::nothing() };
}

/// The allocator.
#[derive(Debug, Clone, Copy, Default)]
pub struct FreeLists;

/// A size of blocks, as its place among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size(usize);

impl Size {
    /// That of blocks for this layout; `None` when they are not kept.
    #[inline]
    fn of(layout: Layout) -> Option<Self> {
        let place = layout.size().saturating_sub(1) / STEP;
        (place < SIZES && layout.align() <= STEP).then_some(Self(place))
    }

    /// The layout of a whole block.
    #[inline]
    fn layout(self) -> Layout {
        const { assert!(STEP.is_power_of_two()) };
        // SAFETY: a power of two, and at most a kibibyte.
        unsafe { Layout::from_size_align_unchecked((self.0 + 1) * STEP, STEP) }
    }
}

/// A block that nobody uses.
#[repr(align(16))]
struct Free {
    /// The one that was given back before.
    below: Option<NonNull<Free>>,
}

/// The blocks that a thread keeps.
struct Kept {
    tops: [Cell<Option<NonNull<Free>>>; SIZES],
    counts: [Cell<u8>; SIZES],
}

impl Kept {
    const fn nothing() -> Self {
        Self { tops: [const { Cell::new(None) }; SIZES], counts: [const { Cell::new(0) }; SIZES] }
    }

    /// The block of this size that came last.
    #[inline]
    fn take(&self, Size(place): Size) -> Option<NonNull<Free>> {
        let block = self.tops[place].get()?;
        // SAFETY: what is on a list was put there by `put`, which wrote it, and nobody has had it since.
        self.tops[place].set(unsafe { block.as_ref() }.below);
        self.counts[place].set(self.counts[place].get() - 1);
        Some(block)
    }

    /// Keeps a block, unless there are enough; says whether.
    ///
    /// # Safety
    ///
    /// The block has this size, and nobody uses it.
    #[inline]
    unsafe fn put(&self, Size(place): Size, block: NonNull<Free>) -> bool {
        let count = self.counts[place].get();
        if count == MOST {
            return false;
        }
        // SAFETY: a block is as large and as aligned as its note at least, and the caller gives it up.
        unsafe { block.write(Free { below: self.tops[place].replace(Some(block)) }) };
        self.counts[place].set(count + 1);
        true
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        for size in (0..SIZES).map(Size) {
            while let Some(block) = self.take(size) {
                // SAFETY: it came from there with this layout.
                unsafe { HEAP.dealloc(block.as_ptr().cast(), size.layout()) };
            }
        }
    }
}

// SAFETY: a block is on one list at most and leaves it when it is handed out, so that no two owners have it; each has the size
// and the alignment of its class, which are at least those asked for. All else is the heap's.
unsafe impl GlobalAlloc for FreeLists {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(size) = Size::of(layout) else {
            // SAFETY: as the caller promises.
            return unsafe { HEAP.alloc(layout) };
        };
        // A thread that ends has no lists any more.
        match KEPT.try_with(|kept| kept.take(size)) {
            Ok(Some(block)) => block.as_ptr().cast(),
            // SAFETY: the layout of a block is never empty.
            _ => unsafe { HEAP.alloc(size.layout()) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(size) = Size::of(layout) else {
            // SAFETY: as the caller promises; blocks of this layout are the heap's own.
            return unsafe { HEAP.dealloc(block, layout) };
        };
        // SAFETY: the caller had it from `alloc` and gives it up.
        let is_kept = NonNull::new(block.cast())
            .is_some_and(|free| KEPT.try_with(|kept| unsafe { kept.put(size, free) }) == Ok(true));
        if !is_kept {
            // SAFETY: it came from there with this layout.
            unsafe { HEAP.dealloc(block, size.layout()) };
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if Size::of(layout).is_none() {
            // SAFETY: as the caller promises. The heap knows which of its memory is zero already.
            return unsafe { HEAP.alloc_zeroed(layout) };
        }
        // SAFETY: as the caller promises; what is handed out has at least this size.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size can be rounded up to the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (Size::of(layout), Size::of(wanted)) {
            (Some(size), Some(same)) if size == same => block,
            // SAFETY: as the caller promises; blocks of this layout are the heap's own.
            (None, None) => unsafe { HEAP.realloc(block, layout, new_size) },
            // SAFETY: two blocks do not overlap, and each is as large as what is copied.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// A block with a pattern of its own.
    struct Owned {
        at: *mut u8,
        layout: Layout,
        pattern: u8,
    }

    // SAFETY: it is the only one that uses its block.
    unsafe impl Send for Owned {}

    impl Owned {
        fn new(layout: Layout, pattern: u8) -> Self {
            // SAFETY: no layout here is empty, and the block is filled to its end and no further.
            unsafe {
                let at = FreeLists.alloc(layout);
                assert!(!at.is_null() && at.addr().is_multiple_of(layout.align()));
                at.write_bytes(pattern, layout.size());
                Self { at, layout, pattern }
            }
        }

        fn bytes(&self) -> &[u8] {
            // SAFETY: the block is as long, and was filled.
            unsafe { std::slice::from_raw_parts(self.at, self.layout.size()) }
        }

        fn resize(&mut self, size: usize) {
            let kept = self.layout.size().min(size);
            // SAFETY: it is this one's block, with this layout; what is new of it is filled before it is read.
            unsafe {
                self.at = FreeLists.realloc(self.at, self.layout, size);
                assert!(!self.at.is_null());
                self.layout = layout(size, self.layout.align());
                self.at.add(kept).write_bytes(self.pattern, size - kept);
            }
        }

        fn is_intact(&self) -> bool {
            self.at.addr().is_multiple_of(self.layout.align())
                && self.bytes().iter().all(|byte| *byte == self.pattern)
        }
    }

    impl Drop for Owned {
        fn drop(&mut self) {
            // SAFETY: it is this one's block, with this layout, and nobody has it after this.
            unsafe { FreeLists.dealloc(self.at, self.layout) };
        }
    }

    fn kept(size: usize) -> u8 {
        let Size(place) = Size::of(layout(size, 1)).unwrap();
        KEPT.with(|kept| kept.counts[place].get())
    }

    #[test]
    fn what_came_last_goes_first_whatever_part_of_its_size_is_wanted() {
        let (first, second) = (Owned::new(layout(1000, 8), 1), Owned::new(layout(993, 1), 2));
        let (one, other) = (first.at, second.at);
        assert_eq!(kept(1000), 0);
        drop(first);
        drop(second);
        assert_eq!(kept(1008), 2);
        let again = [Owned::new(layout(1008, 16), 3), Owned::new(layout(994, 2), 4)];
        assert_eq!(again.each_ref().map(|block| block.at), [other, one]);
        assert_eq!(kept(1000), 0);
    }

    #[test]
    fn no_more_are_kept_than_the_bound_and_nothing_large() {
        let small: Vec<_> = (0..100).map(|n| Owned::new(layout(48, 8), n)).collect();
        drop(small);
        assert_eq!(kept(48), MOST);
        for large in [layout(SIZES * STEP + 1, 1), layout(64, 32), layout(1 << 20, 4096)] {
            assert_eq!(Size::of(large), None);
            assert!(Owned::new(large, 7).is_intact());
        }
        assert_eq!(Size::of(layout(SIZES * STEP, STEP)), Some(Size(SIZES - 1)));
        assert_eq!(Size::of(layout(1, 1)), Some(Size(0)));
    }

    #[test]
    fn no_two_owners_ever_have_the_same_memory() {
        let mut random = 1_u64;
        let mut next = |bound: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % bound
        };
        let mut owned: Vec<Owned> = Vec::new();
        for step in 0..50_000 {
            let size = 1 + if next(4) == 0 { next(5000) } else { next(300) };
            match next(5) {
                0 | 1 if owned.len() < 500 => {
                    owned.push(Owned::new(layout(size, 1 << next(7)), step as u8));
                }
                2 if !owned.is_empty() => {
                    let place = next(owned.len());
                    owned[place].resize(size);
                    assert!(owned[place].is_intact());
                }
                _ if !owned.is_empty() => {
                    let gone = owned.swap_remove(next(owned.len()));
                    assert!(gone.is_intact());
                }
                _ => {}
            }
        }
        assert!(owned.len() > 10 && owned.iter().all(Owned::is_intact));
    }

    #[test]
    fn memory_is_zero_when_that_is_asked_for() {
        for size in [1, 40, 1024, 100_000] {
            drop(Owned::new(layout(size, 8), 0xFF));
            // SAFETY: the layout is not empty, and the block is given back as it came.
            unsafe {
                let block = FreeLists.alloc_zeroed(layout(size, 8));
                assert!(std::slice::from_raw_parts(block, size).iter().all(|byte| *byte == 0));
                FreeLists.dealloc(block, layout(size, 8));
            }
        }
    }

    #[test]
    fn what_one_thread_took_another_may_give_back() {
        let mine = Owned::new(layout(720, 8), 5);
        let theirs = std::thread::spawn(move || {
            assert!(mine.is_intact());
            drop(mine);
            assert_eq!(kept(720), 1);
            Owned::new(layout(200, 8), 6)
        });
        let theirs = theirs.join().unwrap();
        assert!(theirs.is_intact());
        drop(theirs);
        assert_eq!(kept(200), 1);
    }

    /// Given back after the lists of its thread are gone.
    struct Late(Cell<Option<Owned>>);

    thread_local! {
        static LATE: Late = const { Late(Cell::new(None)) };
    }

    impl Drop for Late {
        fn drop(&mut self) {
            assert!(KEPT.try_with(|_| ()).is_err());
            assert!(self.0.take().is_some_and(|owned| owned.is_intact()));
            assert!(Owned::new(layout(80, 8), 9).is_intact());
        }
    }

    #[test]
    fn a_thread_that_ends_gives_back_what_it_kept() {
        let resident_pages = || {
            let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
            statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
        };
        let fill = || {
            // What a thread uses first it drops last.
            LATE.with(|late| late.0.set(Some(Owned::new(layout(80, 8), 3))));
            for size in (STEP..=SIZES * STEP).step_by(STEP) {
                let all: Vec<_> = (0..MOST).map(|n| Owned::new(layout(size, 8), n)).collect();
                drop(all);
            }
        };
        let run = |threads: usize| {
            for _ in 0..threads {
                std::thread::spawn(fill).join().unwrap();
            }
        };
        run(20);
        let before = resident_pages();
        run(400);
        let more = resident_pages().saturating_sub(before) * 4096;
        // Had each left its megabyte behind, it were 400.
        assert!(more < 150 << 20, "{more} bytes");
    }
}
