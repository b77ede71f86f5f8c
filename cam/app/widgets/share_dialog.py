"""Show the address of this server as text and as a QR code, for the phones in the room."""

import html
import ipaddress
from urllib.parse import urlencode, urlsplit

import streamlit as st

from cam.server.access import add_code
from cam.server.guards import base_path
from cam.settings import read_settings


def show_share() -> None:
    """Show a button in the header that shows the address, where the server has one for others."""
    addresses = read_settings().address
    if not addresses:
        return
    with st.container(key="share"):
        if st.button("Show the address", icon=":material/qr_code_2:", type="tertiary", key="show_address"):
            st.dialog("Open this page on your phone", width="large")(show_address)(addresses)


def show_address(addresses: tuple[str, ...]) -> None:
    """Show one of the addresses, large: the address that is chosen, or the link to what this session sees."""
    address = addresses[0]
    if len(addresses) > 1:
        address = st.radio("This computer is in several networks", addresses, key="shared_address", horizontal=True)
    place, link = _describe_place(), add_code(address)
    if place and st.toggle("With what I see now: page, photo, network and class", key="shared_place"):
        address = link = address + place
    st.html(
        f'<div class=qr-code><img src="{make_qr_code(link)}" alt="QR code of the address">'
        f"<p class=address>{html.escape(address)}</p></div>"
    )
    if link != address:
        st.caption("The QR code brings the access code with it; whoever types the address is asked for it.")
    if _is_local(address):
        st.caption("It works in the same Wi-Fi as this computer.")


def make_qr_code(address: str) -> str:
    """Make the QR code as the data URI of an SVG: dark on white with its quiet zone, whatever the theme."""
    # Imported only where it is used.
    import segno

    return segno.make(address, micro=False).svg_data_uri(border=4, dark="#000", light="#fff", svgclass=None)


def _describe_place() -> str:
    """Write what follows the address in a link to what this session sees; empty where that is a photo of its own."""
    photo = st.session_state.get("photo")
    if photo is None or photo.sample is None:
        return ""
    return f"/{find_page_path(st.context.url or '')}?{urlencode(st.query_params.to_dict())}"


def find_page_path(url: str) -> str:
    """Find the part of a page's address that names the page; empty for the first one."""
    return urlsplit(url).path.removeprefix(base_path()).strip("/")


def _is_local(address: str) -> bool:
    """True if only machines in the same network can use the address."""
    try:
        return ipaddress.ip_address(urlsplit(address).hostname or "").is_private
    except ValueError:
        return False
