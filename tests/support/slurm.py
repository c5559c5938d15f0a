"""A real Slurm of one node, on loopback, in a folder of its own: keys, ports, sockets and state are its own, and it is ended by pid."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

SBIN = "/usr/sbin:/usr/local/sbin"
DAEMONS = ("munged", "slurmctld", "slurmd")
CRED_S = 5
"""Seconds that a job's credential holds: a job that is put back into the queue waits as long, by default two minutes."""
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket,cred_expire={cred}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={user}
SlurmdUser={user}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobRequeue=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def absent() -> str:
    """Return why there can be no Slurm here; empty if there can."""
    missing = [each for each in (*DAEMONS, "sbatch") if not _program(each)]
    return f"no {', '.join(missing)} (Debian: slurm-wlm munge)" if missing else ""


@contextlib.contextmanager
def slurm(root: Path) -> Iterator[dict[str, str]]:
    """Start one, and yield what its commands need in their environment."""
    for name in ("state", "spool"):
        (root / name).mkdir(parents=True)
    root.chmod(0o755)
    key = root / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    host, user = socket.gethostname().partition(".")[0], pwd.getpwuid(os.getuid()).pw_name
    conf = root / "slurm.conf"
    conf.write_text(CONF.format(root=root, host=host, user=user, cred=CRED_S, ports=_free_ports(2)))
    environment = os.environ | {"SLURM_CONF": str(conf)}
    munged = ["--foreground", "--force", f"--key-file={key}", f"--socket={root}/munge.socket"]
    munged += [f"--{kind}-file={root}/munge.{kind}" for kind in ("pid", "log", "seed")]
    with contextlib.ExitStack() as stack:
        for name, options in (("munged", munged), ("slurmctld", ["-D", "-i"]), ("slurmd", ["-D"])):
            stack.enter_context(_daemon(root, name, options, environment))
            if name == "munged":
                _wait(lambda: (root / "munge.socket").exists(), "munged")
        _wait(lambda: "idle" in _said(["sinfo", "-h", "-o", "%T"], environment), "slurm")
        yield environment


def _wait(ready, what: str, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(0.1)


@contextlib.contextmanager
def _daemon(root: Path, name: str, options: list[str], environment: dict[str, str]) -> Iterator[None]:
    with (root / f"{name}.out").open("wb") as output:
        process = subprocess.Popen(
            [_program(name), *options], env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _said(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}") or ""


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
