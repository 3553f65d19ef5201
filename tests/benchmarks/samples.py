"""Results of runs that there were not, for the tests."""

from tests.benchmarks.generator import Result


def result(**figures: float) -> Result:
    """Return the result of a run in which ten clients talked for two seconds."""
    entry = {"clients": 10, "entry_seconds": 0.5, "entry_bytes": 1000}
    used = {"entry_server_cpu": 0.2, "entry_generator_cpu": 0.1}
    memory = {"kilobytes_before": 1000, "kilobytes_after": 1100}
    talk = {"seconds": 2.0, "server_cpu": 1.0, "generator_cpu": 0.5, "delivered": 2000}
    return Result(**{**entry, **used, **memory, **talk, **figures})  # type: ignore[arg-type]
