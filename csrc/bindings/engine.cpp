// The engine's runtime is Python: gradients are tensors, and being inside means holding the GIL.
#include "../autograd/engine.h"

#include "../autograd/graveyard.h"
#include "../autograd/lock.h"
#include "device.h"
#include "gradients.h"
#include "node.h"

#include <pthread.h>

#include <atomic>
#include <cassert>
#include <chrono>
#include <thread>

namespace tritorch {

namespace {

using autograd::Engine;
using autograd::Value;
using autograd::Values;

// The thread's state while it is outside; of a worker its own, made once.
thread_local PyThreadState* outside = nullptr;
thread_local int entered = 0;

PyInterpreterState* interpreter = nullptr;

// See Note [Leaving at exit].
std::atomic<bool> leaving{false};
std::atomic<int> inside_count{0};
pthread_t leaver;

bool must_leave() noexcept { return leaving.load() && !pthread_equal(pthread_self(), leaver); }

void take_gil() {
    unless_killed([] { PyEval_RestoreThread(outside); });
}

int reap_pending(void*) {
    autograd::reap();
    return 0;
}

class PythonRuntime final : public autograd::Runtime {
  public:
    void enter() override {
        assert(autograd::engine_locks_held == 0);
        ++inside_count;  // before the question, so that the leaver cannot miss us
        if (must_leave()) {
            --inside_count;
            sleep_until_exit();
        }
        take_gil();
        ++entered;
    }
    void leave() override {
        --entered;
        outside = PyEval_SaveThread();
        --inside_count;
    }
    bool inside() noexcept override { return PyGILState_Check(); }

    void breathe() override {
        if (must_leave()) {
            leave();
            sleep_until_exit();
        }
        if (PyErr_CheckSignals() < 0) throw CarriedError();
        outside = PyEval_SaveThread();  // hands the GIL over where another thread has asked for it
        take_gil();
    }
    void reap_soon() noexcept override {
        if (!leaving) Py_AddPendingCall(reap_pending, nullptr);
    }
    std::uint32_t switch_modes(std::uint32_t wanted) noexcept override {
        Modes& now = modes();
        const std::uint32_t before = now.grad | now.inference << 1;
        now.grad = wanted & 1;
        now.inference = wanted >> 1 & 1;
        return before;
    }
    void thread_begins(int) override { outside = PyThreadState_New(interpreter); }

    void drop(void* value) noexcept override { Py_DECREF(static_cast<PyObject*>(value)); }
    void* share(void* value) noexcept override { return Py_NewRef(static_cast<PyObject*>(value)); }
    void accumulate(Value& into, Value more) override { add_gradient(into, std::move(more)); }
    void validate(autograd::Node& node, Values& gradients) override {
        if (gradients.empty()) return;
        const auto& edges = node.edges();
        for (std::uint32_t i = 0; i < gradients.size(); ++i) {
            if (!gradients[i] || !edges[i]) continue;
            fit(gradients[i], as_py_node(*edges[i].node).metadata(edges[i].input), node, i);
        }
        check_anomaly(node, gradients);
    }
};

// ---- run_backward
// ------------------------------------------------------------------------------------------

[[noreturn]] void refuse(const char* format, Py_ssize_t index = 0) {
    PyErr_Format(PyExc_RuntimeError, format, index);
    throw CarriedError();
}

// The edge of a Tensor, or of a GradientEdge: a tuple (node, output_nr, ...).
autograd::Edge edge_of(PyObject* object) {
    if (is_tensor(object)) return gradient_edge(as_tensor(object));
    if (PyTuple_Check(object) && PyTuple_GET_SIZE(object) >= 2) {
        PyNode* node = node_behind(PyTuple_GET_ITEM(object, 0));
        const std::size_t input = node ? PyLong_AsSize_t(PyTuple_GET_ITEM(object, 1)) : 0;
        if (PyErr_Occurred()) throw CarriedError();
        if (input >= node->inputs())
            refuse("Invalid GradientEdge: the node has no output %zd", static_cast<Py_ssize_t>(input));
        return {autograd::NodePtr(node), static_cast<std::uint32_t>(input)};
    }
    PyErr_Format(PyExc_TypeError, "expected a Tensor or a GradientEdge, got %s", Py_TYPE(object)->tp_name);
    throw CarriedError();
}

struct Arguments {
    PyObject *roots, *gradients, *inputs;
    int keep_graph, create_graph, allow_unreachable, accumulate;

    explicit Arguments(PyObject* const* args, Py_ssize_t count) {
        if (count != 7 || !PyTuple_Check(args[0]) || !PyTuple_Check(args[1]) ||
            PyTuple_GET_SIZE(args[0]) != PyTuple_GET_SIZE(args[1]) ||
            (args[4] != Py_None && !PyTuple_Check(args[4]))) {
            PyErr_SetString(
                PyExc_TypeError,
                "run_backward(roots: tuple, grads: tuple, keep_graph, create_graph, inputs: tuple or None, "
                "allow_unreachable, accumulate_grad)");
            throw CarriedError();
        }
        roots = args[0];
        gradients = args[1];
        inputs = args[4] == Py_None ? nullptr : args[4];
        keep_graph = PyObject_IsTrue(args[2]);
        create_graph = PyObject_IsTrue(args[3]);
        allow_unreachable = PyObject_IsTrue(args[5]);
        accumulate = PyObject_IsTrue(args[6]);
        if (PyErr_Occurred()) throw CarriedError();
    }
};

autograd::Request make_request(const Arguments& arguments) {
    autograd::Request request;
    request.keep_graph = arguments.keep_graph;
    request.accumulate = arguments.accumulate;
    if (device::initialized() && device::kind() == device::Kind::simulated) {
        const Ref line = source_line();  // for its reports: a worker has no frame of the program
        const char* text = line ? PyUnicode_AsUTF8(line.get()) : nullptr;
        request.where = text ? text : "";
    }
    request.modes = static_cast<std::uint32_t>(arguments.create_graph != 0) | modes().inference << 1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments.roots); ++i) {
        autograd::Edge edge = edge_of(PyTuple_GET_ITEM(arguments.roots, i));
        if (!edge) refuse("element %zd of tensors does not require grad and does not have a grad_fn", i);
        request.roots.push_back(std::move(edge));
        PyObject* gradient = PyTuple_GET_ITEM(arguments.gradients, i);
        if (gradient != Py_None && !is_tensor(gradient)) {
            PyErr_Format(PyExc_TypeError, "element %zd of gradients tuple is not a Tensor or None", i);
            throw CarriedError();
        }
        request.gradients.push_back(gradient == Py_None ? Value() : Value(Py_NewRef(gradient)));
    }
    for (Py_ssize_t i = 0; arguments.inputs && i < PyTuple_GET_SIZE(arguments.inputs); ++i) {
        PyObject* input = PyTuple_GET_ITEM(arguments.inputs, i);
        if (arguments.accumulate && is_tensor(input)) retain_grad(as_tensor(input));
        autograd::Edge edge = edge_of(input);
        if (!edge) refuse("One of the differentiated Tensors does not require grad");
        request.inputs.push_back(std::move(edge));
    }
    return request;
}

Ref captured_tuple(std::vector<Value> captured, bool allow_unreachable) {
    Ref tuple = checked(PyTuple_New(static_cast<Py_ssize_t>(captured.size())));
    for (std::size_t i = 0; i < captured.size(); ++i) {
        if (!captured[i] && !allow_unreachable) {
            refuse(
                "The differentiated Tensor at index %zd appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior.",
                static_cast<Py_ssize_t>(i));
        }
        Ref gradient = captured[i] ? take(captured[i]) : Ref::share(Py_None);
        PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), gradient.release());
    }
    return tuple;
}

// Outside for a scope, from inside.
class Outside {
  public:
    Outside() : nested_(std::exchange(entered, 0)) {
        outside = PyEval_SaveThread();
        inside_count -= nested_;
    }
    ~Outside() {
        inside_count += nested_;
        if (must_leave()) {
            inside_count -= nested_;
            sleep_until_exit();
        }
        take_gil();
        entered = nested_;
    }
    Outside(const Outside&) = delete;
    Outside& operator=(const Outside&) = delete;

  private:
    int nested_;
};

PyObject* run_backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
    try {
        const Arguments arguments(args, count);
        autograd::Request request = make_request(arguments);
        std::vector<Value> captured;
        {
            const Outside scope;
            captured = Engine::instance().run(std::move(request));
        }
        autograd::reap();
        if (!arguments.inputs || arguments.accumulate) Py_RETURN_NONE;
        return captured_tuple(std::move(captured), arguments.allow_unreachable).release();
    } catch (...) {
        restore_current_exception();
        return nullptr;
    }
}

// ---- about the pass that runs
// ---------------------------------------------------------------------------------

PyObject* current_graph_task_id(PyObject*, PyObject*) {
    const autograd::GraphTask* task = Engine::current();
    return PyLong_FromLongLong(task ? static_cast<long long>(task->id()) : -1);
}

PyObject* is_checkpoint_valid(PyObject*, PyObject*) {
    const autograd::GraphTask* task = Engine::current();
    return PyBool_FromLong(!task || !task->selective());
}

PyObject* will_engine_execute_node(PyObject*, PyObject* face) {
    PyNode* node = node_behind(face);
    if (!node) return nullptr;
    autograd::GraphTask* task = Engine::current();
    if (!task) {
        PyErr_SetString(PyExc_RuntimeError,
                        "_will_engine_execute_node should only be called during the backward pass");
        return nullptr;
    }
    if (task->captures(node) && node->sequence() == autograd::Node::runs_first) {
        PyErr_SetString(PyExc_RuntimeError,
                        "A leaf node was passed to _will_engine_execute_node but we are currently running "
                        "autograd.grad(). This is currently not supported.");
        return nullptr;
    }
    return PyBool_FromLong(task->wants(node));
}

PyObject* queue_callback(PyObject*, PyObject* callback) {
    autograd::GraphTask* task = Engine::current();
    if (!task) {
        PyErr_SetString(PyExc_RuntimeError, "Final callbacks can only be installed during backward pass.");
        return nullptr;
    }
    // Dropped with the task, which may end outside: a Value knows how.
    auto held = std::make_shared<Value>(Py_NewRef(callback));
    task->add_callback([held] { call(static_cast<PyObject*>(held->get())); });
    Py_RETURN_NONE;
}

PyObject* python_gradient_edge(PyObject*, PyObject* tensor) {
    try {
        const autograd::Edge edge = edge_of(tensor);
        return Py_BuildValue("(NI)", checked(face_of(edge.node.get())).release(), edge.input);
    } catch (...) {
        restore_current_exception();
        return nullptr;
    }
}

// ---- the process
// ------------------------------------------------------------------------------------------------

PyObject* leave_at_exit(PyObject*, PyObject*) {
    leaver = pthread_self();
    leaving = true;
    Engine::always_breathe();
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    const int own = entered;
    while (inside_count > own && std::chrono::steady_clock::now() < patience) {
        const Outside scope;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    Py_RETURN_NONE;
}

void after_fork_in_child() {
    inside_count = entered;  // the other threads are no more
    Engine::after_fork_in_child();
}

PyMethodDef functions[] = {
    {"run_backward", method(run_backward), METH_FASTCALL,
     "run_backward(roots, grads, keep_graph, create_graph, inputs, allow_unreachable, accumulate_grad)\n\n"
     "Runs a backward pass. Without accumulate_grad gives the gradients of `inputs`."},
    {"current_graph_task_id", current_graph_task_id, METH_NOARGS,
     "The number of the pass that runs here, or -1."},
    {"is_checkpoint_valid", is_checkpoint_valid, METH_NOARGS,
     "False in a pass that computes some gradients only."},
    {"will_engine_execute_node", will_engine_execute_node, METH_O,
     "Whether the pass that runs here meets the node."},
    {"queue_callback", queue_callback, METH_O,
     "queue_callback(fn)\n\nfn() runs at the end of the pass that runs here."},
    {"gradient_edge", python_gradient_edge, METH_O,
     "gradient_edge(tensor)\n\n(node, output_nr) to which its gradient flows."},
    {nullptr}};
PyMethodDef at_exit = {"leave_at_exit", leave_at_exit, METH_NOARGS, "Asks threads to leave the engine."};

int init(PyObject* module) {
    interpreter = PyInterpreterState_Get();
    autograd::set_runtime(new PythonRuntime);  // never destroyed: threads may outlive main()
    pthread_atfork(nullptr, nullptr, after_fork_in_child);
    const Ref atexit = Ref::steal(PyImport_ImportModule("atexit"));
    const Ref handler = Ref::steal(PyCFunction_New(&at_exit, nullptr));
    if (!atexit || !handler) return -1;
    const Ref done = Ref::steal(PyObject_CallMethod(atexit.get(), "register", "O", handler.get()));
    return done ? PyModule_AddFunctions(module, functions) : -1;
}
const Subject subject(init);

}  // namespace

}  // namespace tritorch
