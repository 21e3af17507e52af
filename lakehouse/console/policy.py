"""The headers of every page: what a browser may do with it. Pure."""

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # A browser then sends `Origin: null` with forms: `foreign` accepts it from this very site.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HTML_POLICIES = ("htmx", "console")
"""The Trusted Types policies: of htmx's CSP extension, and of `api.js`."""
ASSET_CACHING = "public, max-age=31536000, immutable"
"""An asset's URL has its hash: other bytes have another URL."""


def content_security_policy(nonce: str) -> str:
    """Nothing but what this page names by its nonce, and this origin for data and forms."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            f"style-src 'nonce-{nonce}'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            # No script makes markup or code from a string but these two, from pages of this server.
            "require-trusted-types-for 'script'",
            f"trusted-types {' '.join(HTML_POLICIES)}",
        )
    )
