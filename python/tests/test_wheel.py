"""The wheel builds, contains the right files, and works in a clean environment."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def test_the_wheel_installs_into_a_clean_environment(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(PACKAGE)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "rotewatch/py.typed" in names and all(name.startswith("rotewatch") for name in names)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    # PyTorch comes from the test environment, to avoid a copy of 5 GB.
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    script = (
        f"import sys; sys.path.append({sysconfig.get_path('purelib')!r})\n"
        "import rotewatch, importlib.metadata as m\n"
        "print(rotewatch.__file__, m.version('rotewatch'), *sorted(m.requires('rotewatch')), sep='\\n')"
    )
    done = subprocess.run([python, "-I", "-c", script], check=True, capture_output=True, text=True)
    where, version, *needs = done.stdout.split("\n")[:-1]
    assert Path(where).is_relative_to(tmp_path)
    assert version == "0.1.0"
    assert [need for need in needs if "extra" not in need] == ["safetensors>=0.4.3", "torch>=2.6"]
