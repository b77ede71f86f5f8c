"""Sentences are shown as they are written, whatever a file's name or a link brings into them."""

import pytest

from cam.app.widgets.messages import plain


@pytest.mark.parametrize(
    "text",
    [
        "This photo is 8 x 8 pixels; use a larger one.",
        "resnet50_weights_tf.h5 into /home/a_b/.keras",
        "https://x.org/a_b",
    ],
)
def test_an_ordinary_sentence_stays_as_it_is(text):
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("![x](https://host/x.png)", r"!\[x\](https://host/x.png)"),
        ("**bold** _it_ `code`", r"\*\*bold\*\* \_it\_ \`code\`"),
        ("$5 <b> ~~no~~", r"\$5 \<b\> \~\~no\~\~"),
        (":red[x] :smile: :material/delete:", r":red\[x\] \:smile: \:material/delete:"),
        ("C:\\photos", r"C:\\photos"),
    ],
)
def test_what_markdown_would_read_is_escaped(text, escaped):
    assert plain(text) == escaped
