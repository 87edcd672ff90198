"""Settings of the website. ``scripts/site.py`` copies this folder and the notebooks side by side and builds
from there.
"""

project = "PruneLab"
author = "The PruneLab contributors"
copyright = "The PruneLab contributors. Text and figures: CC BY 4.0, code: MIT"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the stored outputs are the ones that were tested
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "PruneLab"
html_static_path = ["_static"]
html_css_files = ["prunelab.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"  # WCAG AAA contrast, light and dark
pygments_dark_style = "a11y-high-contrast-dark"
