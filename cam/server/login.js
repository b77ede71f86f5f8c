// A link or QR code brings the code behind a #, which browsers send to no server; it leaves the address at once.
const code = location.hash.slice(1);
if (code) {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("code").value = decodeURIComponent(code);
  document.querySelector("form").submit();
}
