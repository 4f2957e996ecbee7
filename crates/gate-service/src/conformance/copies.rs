//! Programs that are continued more than once from one snapshot.

use super::run::{self, Host};
use super::{Breach, Copies, Life, Point, Step, Subject, Transcript};
use crate::Failure;

/// Runs the script with the service saved and dropped at each point, and two made from that, the second of another instance: the first
/// program must not notice, whatever the second one's service is made to do in the meantime. Then the second one goes on, too, and
/// [`Subject::copies`] says what it must get.
///
/// # Errors
/// The [`Breach`] that is found.
pub async fn copies(subject: impl Fn() -> Subject) -> Result<(), Breach> {
    let (undisturbed, points) = run::undisturbed(subject()).await?;
    for point in 0..points {
        let subject = subject();
        let (first, second) = run_twice(&subject, point).await?;
        for (at, mut transcript) in [Some(first), second].into_iter().flatten() {
            (subject.script.forget)(&mut transcript);
            if transcript != undisturbed {
                let (undisturbed, disturbed) = (Box::new(undisturbed), Box::new(transcript));
                return Err(Breach::Different { at, undisturbed, disturbed });
            }
        }
    }
    Ok(())
}

/// What the first program has got, and the second one if it must be the same; and where they parted.
async fn run_twice(
    subject: &Subject,
    point: usize,
) -> Result<((Point, Transcript), Option<(Point, Transcript)>), Breach> {
    let mut first = Host::new(subject).await?;
    let mut copied: Option<(Host<'_>, &[Step])> = None;
    let mut points = 0;
    for (number, step) in subject.script.steps.iter().enumerate() {
        for was_polled in [false, true] {
            first.at = Point { step: number, was_polled, life: Life::Copied };
            if was_polled {
                first.poll_once().await?;
            } else {
                first.step(step).await?;
            }
            if let Some((second, _)) = &mut copied {
                second.poll_once().await?;
            }
            if points == point {
                let mut second = first.copy().await?;
                second.at.life = Life::Copy;
                copied = Some((second, &subject.script.steps[number + 1..]));
            }
            points += 1;
        }
    }
    let at = Point { life: Life::Copied, ..copied.as_ref().map_or(first.at, |(second, _)| second.at) };
    let first = (at, first.into_transcript());
    let Some((mut second, steps)) = copied else { return Ok((first, None)) };
    let transcript = match &subject.copies {
        Copies::Same => {
            for step in steps {
                second.step(step).await?;
            }
            Some((second.at, second.into_transcript()))
        }
        Copies::Different | Copies::Elsewhere(_) => {
            go_on(&mut second, steps).await?;
            None
        }
    };
    Ok((first, transcript))
}

/// Has a copy do what it can do without what only the first program has got.
async fn go_on(copy: &mut Host<'_>, steps: &[Step]) -> Result<(), Breach> {
    // From when it has not got what the script has it wait for, it can send what makes no sense.
    let mut lacks = false;
    for step in steps {
        let result = match step {
            Step::Send(message) => copy.send_now(message).await,
            Step::Until(is_so) => copy.poll_once().await.map(|()| {
                lacks |= !is_so(copy.transcript());
                true
            }),
            Step::Host(_) => Ok(true),
        };
        match result {
            Ok(true) => {}
            Ok(false) => break,
            Err(Breach::Failed { failure: Failure::Program(_), .. }) if lacks => return Ok(()),
            Err(breach) => return Err(breach),
        }
    }
    copy.poll_once().await?;
    copy.remake().await?;
    copy.poll_once().await
}
