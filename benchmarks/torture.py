"""What runs, disks and files were put through, and what came of it: `make torture`.

    .venv/bin/python benchmarks/torture.py

Runs tests/faults in their long form, more than an hour, and writes benchmarks/torture.md of
what the tests measured. It ends as pytest ends.
"""

import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree

from measure import ROOT, machine

from auxseg.report.tables import markdown

RESULTS = ROOT / "build/torture.xml"


def main() -> int:
    """Run the tests, write the page, and return pytest's exit code."""
    command = ["pytest", "tests/faults", f"--junitxml={RESULTS}", "-o", "junit_logging=system-out"]
    environment = {**os.environ, "AUXSEG_TORTURE": "1"}
    RESULTS.unlink(missing_ok=True)
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    page = document(ElementTree.parse(RESULTS).getroot())
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)
    return code


def document(results: ElementTree.Element) -> str:
    """The page, Markdown, of pytest's results as JUnit's XML."""
    cases = defaultdict(list)
    for case in results.iter("testcase"):
        cases[case.get("name", "").split("[")[0]].append(case)
    header = ["", "cases", "held", "minutes"]
    rows = [row_of(name, found) for name, found in cases.items()]
    said = [
        f"{sentence(name)}:\n\n```\n{words}\n```\n"
        for name, found in cases.items()
        if (words := what_was_said(found))
    ]
    return f"""# Runs, disks and files under torture

`make torture` on {machine()}.

{markdown(header, rows)}

{chr(10).join(said)}"""


def row_of(name: str, cases: list[ElementTree.Element]) -> list[str]:
    """A test, how often it was run, how often it held, and what that took."""
    run = [case for case in cases if case.find("skipped") is None]
    held = [case for case in run if case.find("failure") is None and case.find("error") is None]
    minutes = sum(float(case.get("time", 0)) for case in run) / 60
    return [sentence(name), str(len(run)), str(len(held)), f"{minutes:.1f}"]


def sentence(name: str) -> str:
    """The name of a test as the sentence that it is."""
    return name.removeprefix("test_").replace("_", " ")


def what_was_said(cases: list[ElementTree.Element]) -> str:
    """What a test printed, each thing once, with how often where that was more than once."""
    words = Counter(filter(None, (captured(case.findtext("system-out", "")) for case in cases)))
    return "\n".join(f"{count} x: {text}" if count > 1 else text for text, count in words.items())


def captured(words: str) -> str:
    """What a test printed, without pytest's rulers."""
    lines = (line for line in words.splitlines() if not re.fullmatch(r"-+.*-+", line))
    return "\n".join(lines).strip()


if __name__ == "__main__":
    sys.exit(main())
