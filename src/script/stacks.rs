//! Stacks of tasks, many to a mapping.
//!
//! A user that waits inside a task keeps its stack, so a process has as many stacks as it has users, and a system bounds the
//! mappings of a process (`vm.max_map_count`, 65,530 on most machines). So stacks are cut from slabs of [`STACKS_A_SLAB`],
//! one mapping each. Only pages that were touched cost memory. The lowest page of each stack is a guard: running into it ends
//! the process instead of writing over a neighbour. Kernels since Linux 6.13 can guard a page within a mapping; where that
//! is not so, each guard splits its mapping in two, which is what a stack by itself would cost.
//!
//! Each thread has stacks of its own. Those given back are kept for the next task, last in first out, up to a number;
//! beyond it their memory goes back to the system at once, and a slab without stacks in use is unmapped.
//!
//! The `unsafe` here is mapping, advising and unmapping address ranges that a [`Slab`] owns, and the promise to the coroutine
//! that a [`TaskStack`] is exclusive memory with a guard.
#![expect(unsafe_code, reason = "stacks are ranges of memory that are mapped by hand")]

use std::cell::{Cell, RefCell};
use std::io;
use std::num::NonZeroUsize;
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::LazyLock;

use corosensei::stack::{Stack, StackPointer};
use rustix::mm::{self, Advice, MapFlags, MprotectFlags, ProtFlags};

/// Stacks of one mapping: as many as a `u64` has bits.
const STACKS_A_SLAB: usize = 64;
/// Stacks that a thread keeps for its next tasks, with the pages that they have touched: 8 MiB, at two pages each.
const KEPT_STACKS: usize = 1024;
/// What a kept stack may hold of memory: two pages that every task touches, and two more.
const KEPT_BYTES: usize = 16 << 10;
/// A task that went deeper than this gives back what is beyond [`KEPT_BYTES`]. Going through the kernel costs as much as
/// a fast request, so tasks that are a little deep every time do not.
const DEEP_BYTES: usize = 64 << 10;
/// `MADV_GUARD_INSTALL` of Linux 6.13: touching the page is a fault, and no mapping is split.
#[cfg(target_os = "linux")]
const GUARD_INSTALL: libc::c_int = 102;

thread_local! {
    static SHELF: RefCell<Shelf> = const { RefCell::new(Shelf { bytes: 0, kept: Vec::new(), slabs: Vec::new() }) };
}

/// The stacks of one thread that are not in use.
struct Shelf {
    /// Size of one stack; another size begins a new shelf.
    bytes: usize,
    kept: Vec<TaskStack>,
    /// Slabs that may have a free place. A slab lives as long as one of its stacks does.
    slabs: Vec<Weak<Slab>>,
}

/// A stack for a task of this thread, `bytes` large with its guard.
///
/// # Errors
/// When the system has no more mappings or address space.
pub(super) fn take(bytes: usize) -> io::Result<TaskStack> {
    let bytes = spread(bytes.next_multiple_of(page_bytes()), page_bytes());
    SHELF.with_borrow_mut(|shelf| {
        if shelf.bytes != bytes {
            *shelf = Shelf { bytes, kept: Vec::new(), slabs: Vec::new() };
        }
        if let Some(stack) = shelf.kept.pop() {
            return Ok(stack);
        }
        shelf.cut()
    })
}

/// One page more where that makes the number of pages odd.
///
/// Tasks use the upper end of their stacks. When those ends lie a power of two apart, they share a few sets of the processor's
/// caches and of its table of pages, and push each other out: with 1,000
/// users that is three per cent of what a request costs.
fn spread(bytes: usize, page: usize) -> usize {
    if (bytes / page).is_multiple_of(2) { bytes + page } else { bytes }
}

/// Bytes of a page, as libc says: rustix reads them from where the kernel puts them for a process, which valgrind does not show
/// to the programs that it runs.
fn page_bytes() -> usize {
    static BYTES: LazyLock<usize> = LazyLock::new(|| {
        // SAFETY: it reads a number and touches no memory of ours.
        let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(bytes).expect("a system has pages")
    });
    *BYTES
}

/// Gives a stack back after its task has ended. `depth` is how many bytes of it the task is known to have used.
pub(super) fn give_back(stack: TaskStack, depth: usize) {
    // Without the thread's shelf, at the end of the thread, the stack goes by itself.
    let _ = SHELF.try_with(|shelf| {
        let mut shelf = shelf.borrow_mut();
        if shelf.bytes != stack.slab.bytes || shelf.kept.len() >= KEPT_STACKS {
            drop(shelf);
            return drop(stack);
        }
        if depth > DEEP_BYTES {
            stack.release(KEPT_BYTES);
        }
        shelf.kept.push(stack);
    });
}

impl Shelf {
    /// A stack from a slab that has a place left, or from a new one.
    fn cut(&mut self) -> io::Result<TaskStack> {
        while let Some(slab) = self.slabs.pop() {
            if let Some(slab) = slab.upgrade() {
                slab.is_listed.set(false);
                if let Some(stack) = slab.cut() {
                    self.list(&slab);
                    return stack;
                }
            }
        }
        let slab = Slab::new(self.bytes)?;
        self.list(&slab);
        slab.cut().expect("a new slab has places")
    }

    /// Remembers a slab that may have a place.
    fn list(&mut self, slab: &Rc<Slab>) {
        if slab.bytes == self.bytes && !slab.is_listed.replace(true) {
            self.slabs.push(Rc::downgrade(slab));
        }
    }
}

/// One mapping of [`STACKS_A_SLAB`] stacks. Unmapped with the last of its stacks.
struct Slab {
    start: NonZeroUsize,
    /// Size of one stack, a multiple of the page size.
    bytes: usize,
    /// A bit for each place that is not in use.
    free: Cell<u64>,
    /// A bit for each place that has its guard.
    guarded: Cell<u64>,
    /// Whether the thread's shelf knows of it.
    is_listed: Cell<bool>,
}

impl Slab {
    fn new(bytes: usize) -> io::Result<Rc<Self>> {
        let length = bytes.checked_mul(STACKS_A_SLAB).ok_or(io::ErrorKind::OutOfMemory)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new range at a place that the system chooses overlaps nothing.
        let start = unsafe { mm::mmap_anonymous(ptr::null_mut(), length, access, map_flags()) }?;
        let start = NonZeroUsize::new(start as usize).expect("nothing is mapped at zero");
        let slab = Self {
            start,
            bytes,
            free: Cell::new(u64::MAX),
            guarded: Cell::new(0),
            is_listed: Cell::new(false),
        };
        // A huge page would make 2 MiB resident for the first byte. Kernels without huge pages do not know the advice.
        #[cfg(target_os = "linux")]
        // SAFETY: the range is ours, and the advice changes no content.
        let _ = unsafe { mm::madvise(start.get() as *mut _, length, Advice::LinuxNoHugepage) };
        Ok(Rc::new(slab))
    }

    /// A stack of a place that is free, the lowest; `None` when none is.
    fn cut(self: &Rc<Self>) -> Option<io::Result<TaskStack>> {
        let place = self.free.get().trailing_zeros() as usize;
        (place < STACKS_A_SLAB).then(|| {
            let bit = 1 << place;
            if self.guarded.get() & bit == 0 {
                guard(self.start_of(place), page_bytes())?;
                self.guarded.set(self.guarded.get() | bit);
            }
            self.free.set(self.free.get() & !bit);
            Ok(TaskStack { slab: self.clone(), place })
        })
    }

    fn start_of(&self, place: usize) -> NonZeroUsize {
        self.start.checked_add(place * self.bytes).expect("places lie within the mapping")
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let length = self.bytes * STACKS_A_SLAB;
        // SAFETY: the range is the slab's own, and each of its stacks holds the slab, so that none is left.
        let unmapped = unsafe { mm::munmap(self.start.get() as *mut _, length) };
        debug_assert!(unmapped.is_ok(), "a mapping of ours is unmapped: {unmapped:?}");
    }
}

/// Private memory whose pages come when they are touched and that nobody has to set aside before.
fn map_flags() -> MapFlags {
    #[cfg(target_os = "linux")]
    return MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
    #[cfg(not(target_os = "linux"))]
    MapFlags::PRIVATE
}

/// Makes any use of a range a fault.
fn guard(start: NonZeroUsize, length: usize) -> io::Result<()> {
    let start = start.get() as *mut std::ffi::c_void;
    #[cfg(target_os = "linux")]
    // SAFETY: the range is the lowest page of a stack that nobody uses yet.
    if unsafe { libc::madvise(start, length, GUARD_INSTALL) } == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    Ok(unsafe { mm::mprotect(start, length, MprotectFlags::empty()) }?)
}

/// Whether each stack takes two memory mappings here, because the system has no guards within one.
#[must_use]
pub fn stacks_split_mappings() -> bool {
    #[cfg(target_os = "linux")]
    {
        let page = page_bytes();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new range at a place that the system chooses; nobody reads or writes it before it is unmapped.
        unsafe {
            let Ok(start) = mm::mmap_anonymous(ptr::null_mut(), page, access, map_flags()) else {
                return false;
            };
            let is_split = libc::madvise(start, page, GUARD_INSTALL) != 0;
            let _ = mm::munmap(start, page);
            is_split
        }
    }
    #[cfg(not(target_os = "linux"))]
    true
}

/// The stack of one task. When it is dropped its memory goes back to the system.
pub(super) struct TaskStack {
    slab: Rc<Slab>,
    place: usize,
}

// SAFETY: the range from `limit` to `base` is one place of a mapping that lives as long as the slab, which `self` holds. A
// place is given to one stack at a time (`Slab::free`), its lowest page is a guard, and it is larger than two pages, which
// `ScriptLimits` sees to.
unsafe impl Stack for TaskStack {
    #[inline]
    fn base(&self) -> StackPointer {
        self.limit().checked_add(self.slab.bytes).expect("stacks lie within the mapping")
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        self.slab.start_of(self.place)
    }
}

impl TaskStack {
    /// Gives all but the highest `kept` bytes back to the system.
    fn release(&self, kept: usize) {
        release(self.limit().get(), self.base().get() - kept);
    }
}

/// What was on the stack of a task that is suspended for long, without the zeros between.
///
/// A suspended task uses two or three pages of its stack, and two thirds of those words are zero or were never written.
pub(super) struct Packed {
    /// Where the first word goes.
    start: usize,
    /// A bit for each word, 64 to a word, whether it is other than zero; then those that are.
    words: Box<[u64]>,
    count: usize,
}

impl Packed {
    /// Takes what is from `start`, a multiple of 8, to the end of a stack, and gives all of its memory back to the system.
    ///
    /// # Safety
    /// `limit` and `base` are those of a stack, `start` lies between them beyond the guard, and what was on the stack from
    /// there on is not used before [`Packed::restore`].
    pub(super) unsafe fn take(limit: usize, start: usize, base: usize) -> Self {
        let count = (base - start) / size_of::<u64>();
        // SAFETY: the caller says that the range is mapped and that nobody writes to it meanwhile. Its bytes are nothing but
        // bytes here; pages that were never touched read as zero.
        let word = |at: usize| unsafe { (start as *const u64).add(at).read_volatile() };
        let marks = count.div_ceil(64);
        let used = (0..count).filter(|at| word(*at) != 0).count();
        let mut words = vec![0; marks];
        words.reserve_exact(used);
        for at in 0..count {
            let value = word(at);
            if value != 0 {
                words[at / 64] |= 1 << (at % 64);
                words.push(value);
            }
        }
        release(limit, base);
        Self { start, words: words.into(), count }
    }

    /// Puts everything back where it was.
    ///
    /// # Safety
    /// The stack it was taken from is still there, and nothing has been written to it since.
    pub(super) unsafe fn restore(self) {
        let (marks, used) = self.words.split_at(self.count.div_ceil(64));
        let mut used = used.iter();
        for at in 0..self.count {
            let is_used = marks[at / 64] & 1 << (at % 64) != 0;
            let value = if is_used { used.next().copied().unwrap_or_default() } else { 0 };
            // SAFETY: the caller says that the range is the one that was read.
            unsafe { (self.start as *mut u64).add(at).write_volatile(value) };
        }
    }
}

/// Gives the memory of a stack from its guard up to `end` back to the system. Nothing there may be in use any more.
fn release(limit: usize, end: usize) {
    let start = limit + page_bytes();
    // SAFETY: stacks are mapped for as long as they are known, and callers need nothing of what is on this one.
    // The advice is not followed when the memory is locked; it stays resident then, and is as good for the next task.
    let _ = unsafe { mm::madvise(start as *mut _, end - start, RELEASE) };
}

/// The pages are gone at once, and come back empty when they are touched.
#[cfg(target_os = "linux")]
const RELEASE: Advice = Advice::LinuxDontNeed;
#[cfg(not(target_os = "linux"))]
const RELEASE: Advice = Advice::DontNeed;

impl Drop for TaskStack {
    fn drop(&mut self) {
        // The last one takes the whole mapping with it.
        if Rc::strong_count(&self.slab) > 1 {
            self.release(0);
        }
        self.slab.free.set(self.slab.free.get() | 1 << self.place);
        // The shelf is in use when it drops its own, which are of a size that is not asked for any more.
        let _ =
            SHELF.try_with(|shelf| shelf.try_borrow_mut().map(|mut shelf| shelf.list(&self.slab)));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// Set in the process that is meant to die.
    const DIES: &str = "RHAID_TEST_WRITES_TO_THE_GUARD";

    /// The byte at `depth` below the base.
    fn at(stack: &TaskStack, depth: usize) -> *mut u8 {
        (stack.base().get() - depth) as *mut u8
    }

    fn write(stack: &TaskStack, depth: usize) {
        // SAFETY: a byte of the test's own stack, or of its guard, which is what one test is about.
        unsafe { at(stack, depth).write_volatile(7) }
    }

    fn read(stack: &TaskStack, depth: usize) -> u8 {
        // SAFETY: a byte of the test's own stack.
        unsafe { at(stack, depth).read_volatile() }
    }

    /// Each test has a size of its own, so that none finds what another one kept on the same thread.
    fn taken(pages: usize, count: usize) -> Vec<TaskStack> {
        (0..count).map(|_| take(pages * page_bytes()).expect("memory")).collect()
    }

    #[test]
    fn a_write_to_the_guard_ends_the_process() {
        let stack = taken(65, 1).remove(0);
        let size = 65 * page_bytes();
        write(&stack, size - page_bytes());
        if std::env::var_os(DIES).is_some() {
            write(&stack, size);
            return;
        }
        let name = "script::stacks::tests::a_write_to_the_guard_ends_the_process";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--test-threads=1"])
            .env(DIES, "1")
            .output()
            .unwrap();
        assert_eq!(child.status.signal(), Some(libc::SIGSEGV), "{child:?}");
    }

    #[test]
    fn stacks_of_a_slab_are_neighbours_and_none_is_given_twice() {
        let stacks = taken(77, 2 * STACKS_A_SLAB);
        let mut bases: Vec<_> = stacks.iter().map(|stack| stack.base().get()).collect();
        bases.sort_unstable();
        bases.dedup();
        assert_eq!(bases.len(), stacks.len());
        let slab = &stacks[0].slab;
        let of_slab = stacks.iter().filter(|stack| Rc::ptr_eq(&stack.slab, slab)).count();
        assert_eq!(of_slab, STACKS_A_SLAB);
        for stack in &stacks {
            write(stack, 1);
            write(stack, 60 * page_bytes());
        }
    }

    #[test]
    fn the_stack_given_back_last_is_taken_first() {
        let mut stacks = taken(67, 2);
        let (first, second) = (stacks.remove(0), stacks.remove(0));
        let bases = [second.base(), first.base()];
        give_back(first, 0);
        give_back(second, 0);
        let again: Vec<_> = taken(67, 2).iter().map(Stack::base).collect();
        assert_eq!(again, bases);
    }

    #[test]
    fn what_a_deep_task_used_goes_back_to_the_system() {
        let deep = DEEP_BYTES + 1;
        for (depth, left) in [(DEEP_BYTES, 7), (deep, 0)] {
            let stack = taken(79, 1).remove(0);
            write(&stack, deep);
            write(&stack, KEPT_BYTES);
            give_back(stack, depth);
            let again = taken(79, 1).remove(0);
            assert_eq!((read(&again, deep), read(&again, KEPT_BYTES)), (left, 7), "{depth}");
        }
    }

    #[test]
    fn what_is_packed_is_gone_from_the_stack_until_it_is_restored() {
        let page = page_bytes();
        let stack = taken(81, 1).remove(0);
        let depths = [1, 8, 9, page, 3 * page - 7, 4 * page, 5 * page];
        depths.iter().for_each(|depth| write(&stack, *depth));
        let (limit, base) = (stack.limit().get(), stack.base().get());
        // SAFETY: nobody uses the stack but this test.
        let packed = unsafe { Packed::take(limit, base - 4 * page, base) };
        let kept = packed.words.len();
        assert!(depths.iter().all(|depth| read(&stack, *depth) == 0));
        // SAFETY: as above.
        unsafe { packed.restore() };
        let found: Vec<_> = depths.iter().map(|depth| read(&stack, *depth)).collect();
        // What was below the start is gone for good.
        assert_eq!(found, [7, 7, 7, 7, 7, 7, 0]);
        // A mark for each of 2,048 words, and five words: the first two bytes are in one.
        assert_eq!(kept, 4 * page / 8 / 64 + 5);
    }

    #[test]
    fn a_slab_without_stacks_is_unmapped_and_one_with_a_place_is_filled() {
        let mut stacks = taken(69, STACKS_A_SLAB);
        let slab = Rc::downgrade(&stacks[0].slab);
        let dropped = stacks.remove(5);
        write(&dropped, 1);
        let base = dropped.base();
        drop(dropped);
        let again = taken(69, 1).remove(0);
        assert_eq!((again.base(), read(&again, 1)), (base, 0));
        drop(stacks);
        assert!(slab.upgrade().is_some());
        drop(again);
        assert!(slab.upgrade().is_none());
    }

    #[test]
    fn the_ends_of_stacks_lie_an_odd_number_of_pages_apart() {
        for pages in [74, 75] {
            let stacks = taken(pages, 2);
            let apart = stacks[0].base().get().abs_diff(stacks[1].base().get()) / page_bytes();
            assert!(apart >= pages && !apart.is_multiple_of(2), "{apart} pages");
        }
    }

    #[test]
    fn no_more_than_a_number_of_stacks_are_kept() {
        for stack in taken(83, KEPT_STACKS + STACKS_A_SLAB) {
            give_back(stack, 0);
        }
        assert_eq!(SHELF.with_borrow(|shelf| shelf.kept.len()), KEPT_STACKS);
        taken(85, 1);
        assert_eq!(SHELF.with_borrow(|shelf| shelf.kept.len()), 0);
    }
}
