"""The page that asks for the access code: plain HTML, because nothing of Streamlit is served before."""

import base64
import hashlib
from html import escape
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse

_HTML, _STYLE, _SCRIPT = (
    Path(__file__).with_name(f"login.{kind}").read_text("utf-8") for kind in ("html", "css", "js")
)


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# Nothing but what is in the page itself, and no page of others around it.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_hash_source(_STYLE)}; script-src {_hash_source(_SCRIPT)}; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not "no-referrer": with that browsers send the form with the origin "null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_FORM = """<form method="post">
<label for="code">Access code</label>
<input id="code" name="code" type="password" required maxlength="200" autocomplete="off" autofocus{described}>
{problem}<button>Open</button>
</form>"""


def render_login(status: int, problem: str = "") -> HTMLResponse:
    """Render the form, with a sentence on what was wrong before."""
    said = f'<p id="problem" role="alert">{escape(problem)}</p>\n' if problem else ""
    form = _FORM.format(problem=said, described=' aria-describedby="problem" aria-invalid="true"' if problem else "")
    return _render(status, "Type the code that you were given.", form)


def render_sentence(status: int, sentence: str) -> HTMLResponse:
    """Render a sentence alone."""
    return _render(status, sentence, "")


def _render(status: int, sentence: str, form: str) -> HTMLResponse:
    parts = {"style": _STYLE, "script": _SCRIPT if form else "", "sentence": escape(sentence), "form": form}
    return HTMLResponse(Template(_HTML).substitute(parts), status, _HEADERS)
