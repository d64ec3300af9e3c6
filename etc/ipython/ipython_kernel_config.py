"""What each kernel of `.venv` loads as it starts: `make setup` copies this file to where IPython looks."""

c = get_config()  # noqa: F821  IPython gives it
c.InteractiveShellApp.extensions.append("helpers.cell_order")  # beside those of a learner's own profile
