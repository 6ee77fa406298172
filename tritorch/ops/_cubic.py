"""Cubic convolution (Keys, 1981): what interpolation and the sampling of grids share."""


def cubic_weights(t, a=-0.75):
    """The weights of the four points around a position that lies ``t``, from 0 to 1, after the second of them."""

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]
