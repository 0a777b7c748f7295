"""Which stages of a run are done, running, stale, interrupted or missing, told by its files."""

from auxseg.status.states import JobState, job_states

__all__ = ["JobState", "job_states"]
