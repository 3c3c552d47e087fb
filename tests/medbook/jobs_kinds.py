"""Long work for tests: some ends well, some fails, some loses its worker."""

from medbook.jobs.kinds import JobKind, Result
from medbook.jobs.models import Job

seen = []
cancel = []  # what to call in the middle of the work


def _write(work):
    for number in range(1, 4):
        work.reached("writing", number, 3)
        job = Job.objects.get(uid=work.uid)
        seen.append((job.phase, job.done, job.total))
    return Result(b"\x00\xffAlice", "words.bin", "application/octet-stream")


def _fail(work):
    raise ValueError("Alice Canary, +8613912340001")


def _only_tell(work):
    seen.append((work.by_uid, work.ids))


def _lose(work):
    Job.objects.filter(uid=work.uid).update(attempts=2)  # another worker has begun
    work.reached("writing")
    seen.append("went on")


def _stop(work):
    """Write until it is cancelled from outside, after the second of three."""
    for number in range(1, 4):
        work.reached("writing", number, 3)
        seen.append(number)
        if number == 2:
            cancel.pop()()
    return Result(b"all", "words.bin", "application/octet-stream")


PHASES = {"writing": "Writing"}
WRITE = JobKind("Write", PHASES, _write)
FAIL = JobKind("Fail", PHASES, _fail)
TELL = JobKind("Tell", PHASES, _only_tell)
STOP = JobKind("Stop", PHASES, _stop, if_cancelled="The words stay.")
LOSE = JobKind("Lose", PHASES, _lose)
