"""What happens to a browser test that fails: noise stops nothing and is not hidden."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TESTS = """
import pytest

pytestmark = pytest.mark.browser
tried = []

def test_passes_the_second_time():
    tried.append(1)
    assert len(tried) > 1, "this was noise"

def test_fails_twice():
    assert not tried, "this is broken"
"""


def test_a_browser_test_that_fails_is_run_once_more_and_both_outcomes_are_told(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(TESTS)
    options = ["-c", "pyproject.toml", "-p", "tests.e2e.conftest", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path / "test_two.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "1 failed, 1 passed, 2 rerun" in done.stdout
    assert "AssertionError: this was noise" in done.stdout
    assert "AssertionError: this is broken" in done.stdout
