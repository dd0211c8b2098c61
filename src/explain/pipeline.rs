//! Two stages of work, one after the other, on two processors where there are two.

use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread::{Builder, Scope, scope};

/// Batches on their way: enough that neither stage waits for the other's moods, few enough that
/// they stay in the caches.
const ON_THE_WAY: usize = 4;

/// How many pieces are a full batch.
pub(super) const FULL: usize = 512;

/// Does in batches what `make` makes, in order, until that says that there is no more. What `take`
/// has left of a batch is dropped where it was made, and its memory used again.
///
/// A second thread begins after the first full batch: before, there is too little to do, or it comes
/// too slowly.
///
/// # Errors
/// That of `take`; nothing more is made then.
pub(super) fn run<T: Send, E>(
    mut make: impl FnMut(&mut Vec<T>) -> bool + Send,
    mut take: impl FnMut(&mut [T]) -> Result<(), E>,
) -> Result<(), E> {
    let mut batch = Vec::new();
    let mut is_apart = false;
    while make(&mut batch) {
        take(&mut batch)?;
        if batch.len() >= FULL && !is_apart {
            // Where no thread is to be had, it goes on like this.
            is_apart = true;
            let (make, take) = (&mut make, &mut take);
            if let Some(done) = scope(move |scope| in_two(scope, make, take)) {
                return done;
            }
        }
        batch.clear();
    }
    take(&mut batch)
}

/// The rest; `None` where no thread is to be had.
fn in_two<'scope, T: Send + 'scope, E>(
    scope: &'scope Scope<'scope, '_>,
    make: &'scope mut (impl FnMut(&mut Vec<T>) -> bool + Send),
    take: &mut impl FnMut(&mut [T]) -> Result<(), E>,
) -> Option<Result<(), E>> {
    let (to_take, made) = mpsc::sync_channel::<Vec<T>>(ON_THE_WAY);
    let (to_make, taken) = mpsc::sync_channel::<Vec<T>>(ON_THE_WAY);
    let making = move || {
        let mut is_more = true;
        while is_more {
            let mut batch = taken.try_recv().unwrap_or_default();
            batch.clear();
            is_more = make(&mut batch);
            // Nobody takes any more.
            if to_take.send(batch).is_err() {
                break;
            }
        }
    };
    let making = Builder::new()
        .name("capture".into())
        .spawn_scoped(scope, making)
        .ok()?;
    let taking = || {
        for mut batch in made {
            take(&mut batch)?;
            // After the last one nobody wants it back.
            let _ = to_make.try_send(batch);
        }
        Ok(())
    };
    let done = taking();
    making.join().unwrap_or_else(|panic| resume_unwind(panic));
    Some(done)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::*;

    /// Full batches of numbers up to an end.
    fn numbers(end: usize) -> impl FnMut(&mut Vec<usize>) -> bool {
        let mut next = 0;
        move |batch| {
            assert!(batch.is_empty());
            let after = (next + FULL).min(end);
            batch.extend(next..after);
            next = after;
            next < end
        }
    }

    #[test]
    fn everything_is_taken_in_order() {
        for end in [0, 1, FULL, FULL + 1, 20 * FULL, 100 * FULL + 1] {
            let mut taken = Vec::new();
            let done: Result<(), ()> = run(numbers(end), |batch| {
                taken.extend_from_slice(batch);
                Ok(())
            });
            assert_eq!(done, Ok(()));
            assert_eq!(taken, (0..end).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_comes_slowly_is_done_in_one_thread() {
        let this = thread::current().id();
        let mut left = 100;
        let make = |batch: &mut Vec<()>| {
            assert_eq!(thread::current().id(), this);
            batch.extend([(); FULL - 1]);
            left -= 1;
            left > 0
        };
        let mut taken = 0;
        let done: Result<(), ()> = run(make, |batch| {
            taken += batch.len();
            Ok(())
        });
        assert_eq!((done, taken), (Ok(()), 100 * (FULL - 1)));
    }

    #[test]
    fn an_error_ends_what_would_never_end() {
        for batches in [1, 2, 50] {
            let mut taken = 0;
            let done = run(numbers(usize::MAX), |batch| {
                taken += batch.len();
                if taken == batches * FULL {
                    Err("enough")
                } else {
                    Ok(())
                }
            });
            assert_eq!((done, taken), (Err("enough"), batches * FULL));
        }
    }

    #[test]
    fn a_panic_of_either_stage_is_that_of_the_whole() {
        let panic_of = |all: &dyn Fn()| {
            let panic = catch_unwind(AssertUnwindSafe(all)).unwrap_err();
            *panic.downcast::<&str>().unwrap()
        };
        let in_making = || {
            let mut numbers = numbers(usize::MAX);
            let mut batches = 0;
            let make = |batch: &mut Vec<usize>| {
                batches += 1;
                assert!(batches < 9, "made enough");
                numbers(batch)
            };
            let _ = run(make, |_| Ok::<_, ()>(()));
        };
        assert_eq!(panic_of(&in_making), "made enough");
        let in_taking = || {
            let mut batches = 0;
            let take = |_: &mut [usize]| {
                batches += 1;
                assert!(batches < 9, "taken enough");
                Ok::<_, ()>(())
            };
            let _ = run(numbers(usize::MAX), take);
        };
        assert_eq!(panic_of(&in_taking), "taken enough");
    }
}
