"""A real Chromium without a window, driven over the pipe of its own debugging protocol."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 30.0
_MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}


def find_chromium() -> str | None:
    """The browser's program; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """One browser with one page.

    Args:
        program: of the browser.
        profile: an empty folder for its settings.
        width, height: of the page, in CSS pixels.
        dark: what the page is told that the person prefers.
    """

    def __init__(
        self, program: str, profile: Path, *, width: int = 1280, height: int = 900, dark=False
    ) -> None:
        self.errors: list[str] = []
        self.loaded: list[str] = []
        self._numbers = itertools.count(1)
        self._pending = b""
        commands, self._commands = os.pipe()
        self._events, events = os.pipe()
        arguments = [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
            *("--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars"),
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        # The protocol's pipes are file descriptors 3 and 4 of the browser.
        script = f'exec 3<&{commands} 4>&{events} && exec "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", program, *arguments],
            pass_fds=(commands, events),
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(events)
        self._session = self._attach()
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        self.resize(width, height)
        self._call(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def resize(self, width: int, height: int) -> None:
        """Another size of the page, in CSS pixels; a narrow one is a phone's."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def open(self, page: Path) -> None:
        """Load a file, and wait until it is there."""
        self._call("Page.navigate", url=page.resolve().as_uri())
        self.wait_for("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are awaited.

        Raises:
            AssertionError: the script failed.
        """
        answer = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression is true.

        Raises:
            AssertionError: it never is.
        """
        ends = time.monotonic() + TIMEOUT_S
        while not self.run(condition):
            assert time.monotonic() < ends, f"never true: {condition}"
            time.sleep(0.05)

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Click with the mouse into an element, at fractions of its sides."""
        box = self._box(selector)
        place = {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def drag(self, selector: str, by: tuple[int, int], *, touch: bool = False) -> None:
        """Press in the middle of an element, move by so many pixels, and release."""
        box = self._box(selector)
        start = (box[0] + box[2] / 2, box[1] + box[3] / 2)
        path = [{"x": start[0] + by[0] * n / 8, "y": start[1] + by[1] * n / 8} for n in range(9)]
        if touch:
            self._call("Emulation.setTouchEmulationEnabled", enabled=True)
            for number, place in enumerate(path):
                kind = "touchMove" if number else "touchStart"
                self._call("Input.dispatchTouchEvent", type=kind, touchPoints=[place])
            self._call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
            return
        kinds = ["mousePressed", *["mouseMoved"] * 8, "mouseReleased"]
        for kind, place in zip(kinds, [*path, path[-1]], strict=True):
            self._call("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, **place)

    def press(self, key: str, *, modifiers: Sequence[str] = ()) -> bool:
        """Press and release a key, by its name in JavaScript; whether the page took it."""
        text: dict[str, Any] = {"text": key} if len(key) == 1 else {}
        if key == "Escape":
            text["windowsVirtualKeyCode"] = 27  # by which the browser itself knows it
        held = sum(_MODIFIERS[name] for name in modifiers)
        self.run("addEventListener('keydown', (e) => { window.taken = e.defaultPrevented; })")
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, modifiers=held, **text)
        return bool(self.run("window.taken"))

    def choose(self, selector: str, value: str) -> None:
        """Set a select or a range, as a person would."""
        self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            f"e.value = {json.dumps(value)};"
            "for (const kind of ['input', 'change'])"
            " e.dispatchEvent(new Event(kind, {bubbles: true})); })()"
        )

    def screenshot(self, path: Path) -> None:
        """What is to be seen, as PNG."""
        answer = self._call("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(TIMEOUT_S)
        os.close(self._commands)
        os.close(self._events)

    def _box(self, selector: str) -> list[float]:
        """Left, top, width and height of an element, scrolled to where it is seen."""
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]; })()"
        )
        return list(box)

    def _attach(self) -> str:
        targets = self._call("Target.getTargets", session=None)["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        answer = self._call(
            "Target.attachToTarget", session=None, targetId=page["targetId"], flatten=True
        )
        return str(answer["sessionId"])

    def _call(self, method: str, *, session: str | None = "", **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])
            self._note(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            chunk = os.read(self._events, 1 << 16)
            assert chunk, "the browser ended"
            self._pending += chunk
        message, self._pending = self._pending.split(b"\0", 1)
        return dict(json.loads(message))

    def _note(self, event: dict[str, Any]) -> None:
        """Keep what went wrong in the page, and what it loaded."""
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(str(params["entry"]))
        elif event.get("method") == "Network.requestWillBeSent":
            self.loaded.append(str(params["request"]["url"]))
