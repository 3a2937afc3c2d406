"""The published site: static pages in English and Chinese that work from disk, without network and without script.

`write_site` makes the whole of it. One module makes one kind of page; `view.py` knows where each page is, `press.py`
puts values into templates and writes them, `conversation.py` draws what was said on the wire.
"""

from __future__ import annotations

from harness.report.site.writing import write_site

__all__ = ["write_site"]
