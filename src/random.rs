//! Numbers that nobody can guess.

use std::cell::RefCell;

/// So many are asked of the kernel at a time.
const SUPPLY: usize = 256;

thread_local! {
    static READY: RefCell<Vec<[u8; 4]>> = const { RefCell::new(Vec::new()) };
}

/// 32 random bits from the kernel.
pub fn u32() -> u32 {
    let bytes = READY.with_borrow_mut(|ready| {
        if ready.is_empty() {
            ready.resize(SUPPLY, [0; 4]);
            // Linux has getrandom since 3.17; without it there is no raw socket of ours either.
            getrandom::fill(ready.as_flattened_mut()).expect("the kernel has randomness");
        }
        ready.pop()
    });
    u32::from_ne_bytes(bytes.expect("it was filled"))
}
