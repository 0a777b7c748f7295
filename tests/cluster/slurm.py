"""A real Slurm cluster on this machine: daemons, two virtual nodes, no services, no cgroups.

Each node is a process namespace of its own, so that ending it is a crash of the node.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

NODES = ("n1", "n2")
_SBIN = "/usr/sbin"
_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
_CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket,cred_expire=20
CredType=cred/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.%n.log
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={root}/jobs.txt
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=2
MinJobAge=600
JobRequeue=1
GresTypes=gpu
{nodes}PartitionName=main Nodes=ALL Default=YES MaxTime=UNLIMITED State=UP
"""
_NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port}"
    " CPUs=16 RealMemory=64000 Gres=gpu:2 State=UNKNOWN\n"
)


def missing() -> str | None:
    """Why no cluster can be started here; None if one can."""
    if os.geteuid() != 0:
        return "Slurm's daemons need root"
    commands = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "unshare")
    absent = [name for name in commands if shutil.which(name, path=_path()) is None]
    if absent:
        return f"not installed: {', '.join(absent)}; run make test-slurm"
    alone = subprocess.run(
        [*_NAMESPACE, "mount", "--bind", "/etc", "/etc"], capture_output=True, check=False
    )
    return "nodes of their own cannot be made here (unshare)" if alone.returncode else None


@dataclass
class Cluster:
    """A running cluster; `environment` is what its users need."""

    root: Path
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        config = {"SLURM_CONF": str(self.root / "etc/slurm.conf"), "PATH": _path()}
        return {**os.environ, **config}

    def ask(self, *command: str) -> str:
        """What one of Slurm's own commands prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout

    def running(self, rule: str) -> tuple[str, str] | None:
        """(job, node) of a running job of a rule."""
        for line in self.ask("squeue", "-h", "-t", "R", "-o", "%i|%N|%k").splitlines():
            job, node, comment = line.split("|")
            if comment.startswith(f"rule_{rule}"):
                return job, node
        return None

    def memory(self, rule: str) -> list[str]:
        """What each job of a rule asked for, the first job's first."""
        lines = self.ask("squeue", "-h", "-t", "all", "-S", "i", "-o", "%m|%k").splitlines()
        asked = [line.split("|") for line in lines]
        return [memory for memory, comment in asked if comment.startswith(f"rule_{rule}")]

    def records(self) -> list[dict[str, str]]:
        """Slurm's own record of every job that ended."""
        lines = (self.root / "jobs.txt").read_text().splitlines()
        return [dict(pair.split("=", 1) for pair in line.split() if "=" in pair) for line in lines]

    def start(self, name: str, *command: str) -> None:
        """Start a daemon, in a session of its own."""
        with (self.root / f"{name}.out").open("ab") as out:
            self.daemons[name] = subprocess.Popen(
                command, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )

    def start_node(self, name: str) -> None:
        """Start a node, or start it again."""
        # Within a job the Snakemake plugin drops SLURM_CONF: the usual place must hold it there.
        shown = f"mount --bind {self.root}/etc /etc/slurm && {{ slurmd -D -N {name} & wait; }}"
        self.start(name, *_NAMESPACE, "sh", "-c", shown)

    def crash_node(self, name: str) -> None:
        """End a node with all that runs on it, as a power cut does."""
        self.daemons[name].send_signal(signal.SIGKILL)
        self.daemons.pop(name).wait()

    def stop(self) -> None:
        """End everything, the last started first."""
        for daemon in reversed(list(self.daemons.values())):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()


@contextlib.contextmanager
def cluster(root: Path) -> Iterator[Cluster]:
    """A cluster with both nodes up; everything it writes is under `root`, a short path."""
    _configure(root)
    found = Cluster(root)
    try:
        key, munge = root / "munge.key", root / "munge.socket"
        found.start(
            "munged", "munged", "--foreground", "--force", f"--key-file={key}",
            f"--socket={munge}", f"--pid-file={root}/munged.pid", f"--log-file={root}/munged.log",
            f"--seed-file={root}/munge.seed",
        )  # fmt: skip
        wait_until(lambda: munge.exists(), 10, "munged")
        found.start("slurmctld", "slurmctld", "-D")
        for name in NODES:
            found.start_node(name)
        wait_until(lambda: _idle(found) == set(NODES), 60, "the nodes")
        yield found
    finally:
        found.stop()


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return once a condition holds.

    Raises:
        TimeoutError: it does not within the time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.2)


def _configure(root: Path) -> None:
    for name in ("etc", "state", "spool", "dev", *(f"spool/{node}" for node in NODES)):
        (root / name).mkdir(parents=True)
    Path("/etc/slurm").mkdir(exist_ok=True)  # where each node mounts its configuration
    key = root / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    host = socket.gethostname().split(".")[0]
    port, *ports = _free_ports(1 + len(NODES))
    nodes = "".join(
        _NODE.format(name=name, host=host, port=number)
        for name, number in zip(NODES, ports, strict=True)
    )
    text = _CONFIG.format(host=host, port=port, root=root, nodes=nodes)
    (root / "etc/slurm.conf").write_text(text)
    for number in range(2):
        (root / f"dev/gpu{number}").touch()
    names = ",".join(NODES)
    (root / "etc/gres.conf").write_text(
        f"AutoDetect=off\nNodeName={names} Name=gpu File={root}/dev/gpu[0-1]\n"
    )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:  # all open at once, so that each is another
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]


def _idle(found: Cluster) -> set[str]:
    with contextlib.suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):
        lines = found.ask("sinfo", "-h", "-N", "-o", "%N|%T").splitlines()
        return {name for name, state in (line.split("|") for line in lines) if state == "idle"}
    return set()


def _path() -> str:
    return os.pathsep.join([os.environ["PATH"], _SBIN])
