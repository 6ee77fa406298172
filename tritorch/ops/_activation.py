"""The kind of activations."""

from ._kinds import Elementwise


class Activation(Elementwise, kind=True):
    """An elementwise function of ``nn.functional`` that takes ``inplace``, and has a form ``name_`` there too."""

    home = "nn.functional"
    method = False
    has_out = False
    inplace = True
    only = "f"

    @classmethod
    def head_lines(cls):
        plain = ", ".join(a.name for a in cls.args if a.name != "inplace")
        return [f"    if inplace: return OP.call_({plain})"] if any(a.name == "inplace" for a in cls.args) else []
