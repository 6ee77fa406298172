"""Schedulers against torch's recorded rates and their own closed forms; combinations; state."""

import json
import math
import pickle
import warnings
from pathlib import Path

import pytest

import tritorch
from tritorch import nn, optim
from tritorch.optim import lr_scheduler as S
from tritorch.optim.swa_utils import SWALR, AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn, update_bn

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())["schedulers"]


def sgd(lr=0.1):
    params = [tritorch.zeros(2, requires_grad=True), tritorch.zeros(3, requires_grad=True)]
    return optim.SGD([{"params": params[:1]}, {"params": params[1:], "lr": 0.05}], lr=lr, momentum=0.9)


def make(key, optimizer):
    options = dict(RECORDED[key]["options"])
    if "lr_lambda" in options:
        options["lr_lambda"] = {"0.95**epoch": lambda e: 0.95**e, "0.95+epoch*0.001": lambda e: 0.95 + e * 0.001}[
            options["lr_lambda"]
        ]
    return getattr(S, key.split()[0])(optimizer, **options)


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def advance(optimizer, scheduler, epochs=1):
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("key", RECORDED)
class TestAgainstTorch:
    def test_rates(self, key):
        optimizer = sgd()
        scheduler = make(key, optimizer)
        for epoch, recorded in enumerate(RECORDED[key]["rates"]):
            assert [*rates(optimizer), optimizer.param_groups[0]["momentum"]] == pytest.approx(recorded, rel=1e-9), (
                epoch
            )
            assert scheduler.get_last_lr() == rates(optimizer)
            advance(optimizer, scheduler)

    def test_resume(self, key):
        optimizer = sgd()
        scheduler = make(key, optimizer)
        advance(optimizer, scheduler, 17)
        other = sgd()
        resumed = make(key, other)
        resumed.load_state_dict(scheduler.state_dict())
        other.load_state_dict(optimizer.state_dict())
        for _ in range(20):
            advance(optimizer, scheduler)
            advance(other, resumed)
            assert rates(other) == rates(optimizer)

    def test_state_is_plain(self, key):
        state = make(key, sgd()).state_dict()
        assert "optimizer" not in state
        pickle.dumps({k: v for k, v in state.items() if k != "lr_lambdas"})


@pytest.mark.parametrize("key", [key for key in RECORDED if hasattr(getattr(S, key.split()[0]), "_get_closed_form_lr")])
@pytest.mark.filterwarnings("ignore:The epoch parameter")
def test_closed_forms(key):
    optimizer = sgd()
    scheduler = make(key, optimizer)
    optimizer.step()
    for epoch in (3, 0, 11, 40, 7):
        scheduler.step(epoch)
        assert rates(optimizer) == pytest.approx(RECORDED[key]["rates"][epoch][:2], rel=1e-9, abs=1e-12)


class TestPlateau:
    def run(self, measures, **options):
        optimizer = sgd(1.0)
        scheduler = S.ReduceLROnPlateau(optimizer, **options)
        seen = []
        for measure in measures:
            scheduler.step(measure)
            seen.append(rates(optimizer)[0])
        return seen

    def test_patience(self):
        assert self.run([1.0, 1.0, 1.0, 1.0], patience=2) == [1.0, 1.0, 1.0, 0.1]
        assert self.run([1.0, 0.5, 0.6, 0.7, 0.8], patience=1, factor=0.5) == [1.0, 1.0, 1.0, 0.5, 0.5]

    def test_cooldown_and_floor(self):
        assert self.run([1.0] * 6, patience=0, cooldown=1, min_lr=0.05) == pytest.approx(
            [1, 0.1, 0.1, 0.05, 0.05, 0.05]
        )

    def test_thresholds(self):
        assert self.run([1.0, 0.95, 0.95], patience=0, threshold=0.1) == pytest.approx([1.0, 0.1, 0.01])
        assert self.run([1.0, 0.95], patience=0, threshold=0.1, threshold_mode="abs") == [1.0, 0.1]
        assert self.run([1.0, 1.2, 1.25], mode="max", patience=0, threshold=0.1) == [1.0, 1.0, 0.1]
        assert self.run([tritorch.tensor(1.0), tritorch.tensor(2.0)], patience=0) == [1.0, 0.1]

    def test_added_groups(self):
        optimizer = sgd()
        scheduler = S.ReduceLROnPlateau(optimizer, patience=0)
        optimizer.add_param_group({"params": [tritorch.zeros(1, requires_grad=True)], "lr": 1.0})
        scheduler.step(1.0)
        scheduler.step(2.0)
        assert rates(optimizer)[2] == pytest.approx(0.1)
        with pytest.raises(RuntimeError, match="The number of param groups in the `optimizer`"):
            scheduler = S.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0] * 3)
            optimizer.add_param_group({"params": [tritorch.zeros(1, requires_grad=True)]})
            scheduler.step(1.0)
            scheduler.step(2.0)

    def test_options(self):
        for options, text in (
            ({"factor": 1.0}, "Factor should be < 1.0"),
            ({"mode": "least"}, "mode least is unknown!"),
            ({"threshold_mode": "log"}, "threshold mode log is unknown!"),
            ({"min_lr": [0.0]}, "expected 2 min_lrs, got 1"),
        ):
            with pytest.raises(ValueError, match=text):
                S.ReduceLROnPlateau(sgd(), **options)


class TestCombined:
    def test_sequential(self):
        optimizer = sgd(1.0)
        parts = [
            S.LinearLR(optimizer, 0.1, 1.0, 5),
            S.CosineAnnealingLR(optimizer, 20),
            S.ExponentialLR(optimizer, 0.9),
        ]
        scheduler = S.SequentialLR(optimizer, parts, [5, 25])
        seen = []
        for _ in range(30):
            seen.append(rates(optimizer)[0])
            advance(optimizer, scheduler)
        expected = [0.1 + 0.9 * e / 5 for e in range(5)]
        expected += [(1 + math.cos(math.pi * e / 20)) / 2 for e in range(20)]
        expected += [0.9**e for e in range(5)]
        assert seen == pytest.approx(expected)

    def test_chained(self):
        optimizer = sgd(1.0)
        scheduler = S.ChainedScheduler([S.ConstantLR(optimizer, 0.1, 4), S.ExponentialLR(optimizer, 0.9)], optimizer)
        seen = []
        for _ in range(8):
            seen.append(rates(optimizer)[0])
            advance(optimizer, scheduler)
        assert seen == pytest.approx([(0.1 if e < 4 else 1.0) * 0.9**e for e in range(8)])
        assert scheduler.get_last_lr() == rates(optimizer)

    @pytest.mark.parametrize("kind", ["sequential", "chained"])
    def test_resume(self, kind):
        def build(optimizer):
            parts = [S.ConstantLR(optimizer, 0.1, 4), S.ExponentialLR(optimizer, 0.9)]
            return S.SequentialLR(optimizer, parts, [3]) if kind == "sequential" else S.ChainedScheduler(parts)

        optimizer, other = sgd(), sgd()
        scheduler, resumed = build(optimizer), build(other)
        advance(optimizer, scheduler, 5)
        resumed.load_state_dict(scheduler.state_dict())
        other.load_state_dict(optimizer.state_dict())
        advance(optimizer, scheduler, 3)
        advance(other, resumed, 3)
        assert rates(optimizer) == rates(other)

    def test_refused(self):
        optimizer, other = sgd(), sgd()
        for schedulers, milestones, error, text in (
            ([], [], ValueError, "expects at least one scheduler"),
            ([S.StepLR(optimizer, 1)], [1], ValueError, "one more than the number of milestone points"),
            ([S.StepLR(other, 1)], [], ValueError, "expects all schedulers to belong to the same optimizer"),
            ([S.ReduceLROnPlateau(optimizer)], [], ValueError, "does not support `ReduceLROnPlateau`"),
            ([3], [], TypeError, "should have `optimizer` as its attribute"),
        ):
            with pytest.raises(error, match=text):
                S.SequentialLR(optimizer, schedulers, milestones)


class TestBase:
    def test_order_of_steps(self):
        optimizer = sgd()
        scheduler = S.StepLR(optimizer, 1)
        with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before `optimizer.step"):
            scheduler.step()
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scheduler.step()

    def test_get_lr_is_not_for_users(self):
        with pytest.warns(UserWarning, match="please use `get_last_lr"):
            S.StepLR(sgd(), 1).get_lr()

    def test_resuming_needs_the_first_rate(self):
        with pytest.raises(KeyError, match=r"param 'initial_lr' is not specified in param_groups\[0\]"):
            S.StepLR(sgd(), 1, last_epoch=3)

    def test_optimizers_only(self):
        with pytest.raises(TypeError, match="int is not an Optimizer"):
            S.StepLR(3, 1)

    def test_own_scheduler(self):
        class Warmup(S._LRScheduler):
            def get_lr(self):
                return [base * min(1.0, (self.last_epoch + 1) / 4) for base in self.base_lrs]

        optimizer = sgd(1.0)
        scheduler = Warmup(optimizer)
        seen = []
        for _ in range(5):
            seen.append(rates(optimizer)[0])
            advance(optimizer, scheduler)
        assert seen == [0.25, 0.5, 0.75, 1.0, 1.0]

    def test_rates_that_are_tensors(self):
        rate = tritorch.tensor(0.5)
        optimizer = optim.SGD([tritorch.zeros(1, requires_grad=True)], lr=rate)
        scheduler = S.ExponentialLR(optimizer, 0.5)
        advance(optimizer, scheduler)
        assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.25

    def test_callable_objects_are_saved_by_their_attributes(self):
        class Decay:
            def __init__(self, factor):
                self.factor = factor

            def __call__(self, epoch):
                return self.factor**epoch

        saved = S.LambdaLR(sgd(), [Decay(0.5), lambda e: 1.0]).state_dict()
        assert saved["lr_lambdas"] == [{"factor": 0.5}, None]
        scheduler = S.LambdaLR(sgd(), [Decay(0.1), lambda e: 1.0])
        scheduler.load_state_dict(saved)
        assert scheduler.lr_lambdas[0].factor == 0.5

    def test_options(self):
        for make, text in (
            (lambda o: S.LambdaLR(o, [lambda e: 1]), "Expected 2 lr_lambdas, but got 1"),
            (lambda o: S.ConstantLR(o, 2.0), "Constant multiplicative factor expected to be between 0 and 1"),
            (lambda o: S.LinearLR(o, 0.0), "Starting multiplicative factor expected to be greater than 0"),
            (lambda o: S.CosineAnnealingWarmRestarts(o, 0), "Expected positive integer T_0, but got 0"),
            (lambda o: S.OneCycleLR(o, 0.1), "You must define either total_steps OR"),
            (lambda o: S.OneCycleLR(o, 0.1, total_steps=0), "Expected positive integer total_steps, but got 0"),
            (lambda o: S.CyclicLR(o, 0.1, 1.0, mode="other"), "mode is invalid and scale_fn is None"),
            (lambda o: S.CyclicLR(o, [0.1], 1.0), "base_lr must have the same length as optimizer.param_groups"),
        ):
            with pytest.raises(ValueError, match=text):
                make(sgd())

    def test_one_cycle_ends(self):
        optimizer = sgd()
        scheduler = S.OneCycleLR(optimizer, 0.1, total_steps=3)
        advance(optimizer, scheduler, 3)
        with pytest.raises(ValueError, match="Tried to step 4 times"):
            scheduler.step()


class TestAverages:
    def test_plain_and_exponential(self):
        model = nn.Linear(1, 1)
        plain, ema = AveragedModel(model), AveragedModel(model, avg_fn=get_ema_avg_fn(0.9))
        multi = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        for value in (1.0, 2.0, 6.0):
            with tritorch.no_grad():
                model.weight.fill_(value)
            for average in (plain, ema, multi):
                average.update_parameters(model)
        assert plain.module.weight.item() == pytest.approx(3.0)
        assert ema.module.weight.item() == pytest.approx(0.9 * (0.9 * 1 + 0.1 * 2) + 0.1 * 6)
        assert multi.module.weight.item() == pytest.approx(ema.module.weight.item())
        assert plain.n_averaged.item() == 3 and "n_averaged" in plain.state_dict()

    def test_buffers(self):
        model = nn.BatchNorm1d(1)
        copied, averaged = AveragedModel(model), AveragedModel(model, use_buffers=True)
        for value in (1.0, 3.0):
            model.running_mean.fill_(value)
            for average in (copied, averaged):
                average.update_parameters(model)
        assert copied.module.running_mean.item() == 3.0 and averaged.module.running_mean.item() == 2.0

    def test_update_bn(self):
        model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).eval()
        data = [tritorch.randn(8, 2) for _ in range(5)]
        update_bn([(batch, None) for batch in data], model)
        hidden = tritorch.stack([model[0](batch).mean(0) for batch in data]).mean(0)
        assert tritorch.allclose(model[1].running_mean, hidden, atol=1e-6)
        assert not model.training and model[1].momentum == 0.1

    def test_rate(self):
        optimizer = sgd(1.0)
        scheduler = SWALR(optimizer, 0.1, anneal_epochs=4, anneal_strategy="linear")
        seen = []
        for _ in range(6):
            seen.append(rates(optimizer)[0])
            advance(optimizer, scheduler)
        assert seen == pytest.approx([1.0, 0.775, 0.55, 0.325, 0.1, 0.1])
