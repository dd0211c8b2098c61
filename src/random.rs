//! Numbers that nobody can guess.

/// 32 random bits from the kernel.
pub fn u32() -> u32 {
    // Linux has getrandom since 3.17; without it there is no raw socket of ours either.
    getrandom::u32().expect("the kernel has randomness")
}
