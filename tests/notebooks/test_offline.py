"""The course works with the network cut off: the first notebook is executed where there is no network but
loopback.
"""

import os
import shutil
import subprocess
import sys

import pytest

from scripts.notebooks import NOTEBOOKS, ROOT

PROGRAM = """
import fcntl, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:  # bring up lo: the kernel is reached through it
    request = bytearray(struct.pack("16sh22x", b"lo", 0))
    fcntl.ioctl(s, 0x8913, request)  # SIOCGIFFLAGS
    flags = struct.unpack_from("16sh", request)[1] | 1  # IFF_UP
    fcntl.ioctl(s, 0x8914, struct.pack("16sh22x", b"lo", flags))  # SIOCSIFFLAGS
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2)
    sys.exit("the network is not cut off")
except OSError:
    pass
import nbformat
from nbclient import NotebookClient
path = sys.argv[1]
notebook = nbformat.read(path, as_version=4)
where = {"metadata": {"path": sys.argv[2]}}
NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()
print("executed")
"""


@pytest.fixture
def cut_off():
    """Return the command that runs another one without network, or skip."""
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare on this system")
    command = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-r", "-n"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"unshare is not permitted here: {tried.stderr.strip()}")
    return command


@pytest.mark.timeout(600)
def test_start_here_runs_offline(cut_off):
    path = NOTEBOOKS / "00-start-here.ipynb"
    done = subprocess.run(
        [*cut_off, sys.executable, "-c", PROGRAM, str(path), str(path.parent)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("executed\n")
