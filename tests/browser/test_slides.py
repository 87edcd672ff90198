"""The slideshow of a chapter (jupyterlab-rise): it steps through, fits the screen, and its math and explorers
are alive.
"""

from playwright.sync_api import Page

from scripts.browser import Lab, Notebook, Slides, errors

CHAPTER = "notebooks/07.1-csr-storage.ipynb"


def test_slides_fit_the_screen_and_are_alive(lab: Lab, page: Page):
    notebook = Notebook(page, lab, CHAPTER)
    notebook.restart_and_run_all()
    assert errors(notebook.cells()) == []
    notebook.save()

    presented = page.context.new_page()
    slides = Slides(presented, lab, CHAPTER)
    shown, too_large, math, sliders = [], {}, 0, 0
    for name in slides.steps():
        shown.append(name)
        if problem := slides.overflow():
            too_large[name] = problem
        present = presented.locator(".slides section.present section.present")
        math += present.locator("mjx-container").count()
        sliders += present.locator(".noUi-handle").count()
    assert len(shown) > 20 and len(set(shown)) == len(shown)
    assert not too_large
    assert math > 0, "no formula is rendered"
    assert sliders > 0, "the explorer is not alive"
