"""A file in a form, byte for byte."""

FORM = {"Content-Type": "multipart/form-data; boundary=B"}


def field(name: str, body: bytes, more: str = "") -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="f.csv"\r\n{more}\r\n'
    return head.encode() + body + b"\r\n"


def form(*fields: bytes) -> bytes:
    return b"".join(fields) + b"--B--\r\n"
