"""Choose the photo by upload, camera, or the gallery of samples. The photo of a session is `st.session_state.photo`."""

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from cam.app import answers, cache
from cam.app.callbacks import run_to_end
from cam.app.widgets.messages import report, show_reported
from cam.app.widgets.sample_gallery import list_samples, make_thumbnail
from cam.errors import ImageError
from cam.images.formats import ENDINGS
from cam.images.limits import FORMATS_TEXT
from cam.settings import read_settings


def choose_photo() -> cache.Photo:
    """Show the widgets side by side; returns the photo to explain: the last one that could be opened."""
    _open_arrived()
    own, gallery = st.columns([1, 3.6], gap="medium")
    with own.container(key="own"):
        _show_upload()
    with gallery.container(key="sample"):
        _show_gallery()
    # In a place of its own, so that what comes and goes here does not make the pictures below anew.
    with st.container():
        show_reported()
    return st.session_state.photo


def set_photo(photo: cache.Photo) -> None:
    """Make this the photo of the session, with its top class chosen, if it can be opened."""
    state = st.session_state
    try:
        photo.size  # noqa: B018, it is opened
    except ImageError as error:
        report(str(error))
        return
    state.photo = photo
    state.chosen = None


def _show_upload() -> None:
    state = st.session_state
    # Streamlit refuses larger uploads before they come here.
    most = min(read_settings().photo_mb, st.get_option("server.maxUploadSize"))
    # A widget with a new key is an empty one: the photo is kept by the session, not by the widget.
    turn = state.setdefault("upload_turn", 0)
    st.file_uploader(
        "Your photo",
        type=list(ENDINGS),
        key=f"upload_{turn}",
        on_change=run_to_end(_take_upload),
        help=f"{FORMATS_TEXT}, up to {most} MB. The photo stays in the memory of the computer that runs "
        f"ClassCam while the page is open and for {cache.KEPT_TEXT} at most after that. It is never written to "
        "disk or sent on.",
    )
    camera = st.popover("Use the camera", icon=":material/photo_camera:", width="stretch", on_change="rerun")
    if camera.open:
        camera.camera_input(
            "Camera", key=f"camera_{turn}", on_change=run_to_end(_take_camera), label_visibility="collapsed"
        )


def _take_upload() -> None:
    _take(st.session_state[f"upload_{st.session_state.upload_turn}"])


def _take_camera() -> None:
    _take(st.session_state[f"camera_{st.session_state.upload_turn}"], title="Camera")


def _take(file: UploadedFile | None, title: str | None = None) -> None:
    """Keep what was uploaded; it is opened later, because another run may begin before that is done."""
    if file is None:
        return
    state = st.session_state
    state.arrived_photo = cache.make_photo(file.getvalue(), title or file.name)
    state.upload_turn += 1


def _open_arrived() -> None:
    state = st.session_state
    if (photo := state.get("arrived_photo")) is not None:
        set_photo(photo)
        if state.arrived_photo is photo:
            state.arrived_photo = None


def _show_gallery() -> None:
    samples = list_samples()
    pictures = "".join(
        f".st-key-sample [data-testid=stRadioGroup] > div:nth-child({i}) {{ --picture: url({make_thumbnail(name)}) }}\n"
        for i, name in enumerate(samples, 1)
    )
    st.html(f"<style>{pictures}</style>")
    # A new one for each custom photo: a click right after an upload still carries the sample that was chosen
    # before, which this page has deselected; in a widget of the same key that would look like choosing it again.
    key = f"sample_{st.session_state.upload_turn}"
    answers.offer(
        st.radio,
        "Sample photos",
        list(samples),
        st.session_state.photo.sample,
        key=key,
        text=lambda name: samples[name].title,
        take=lambda name: set_photo(samples[name].photo()),
        horizontal=True,
        width="stretch",
    )
