// Launching kernels: from a call with arrays and numbers to cuLaunchKernelEx.
//
// Note [Launches]
// What a kernel is compiled for follows from its arguments as in Triton: the dtype of an array and whether
// its address is a multiple of 16; for an integer whether it is one, and whether it needs 64 bits. (That an
// integer is 1 makes it no constant, as it does in Triton: our kernels say themselves what is one.) Together
// with the constants given by name these are the signature, a string of bytes that is made for every call and
// looked up. Only a signature that is new asks Python for a plan: a loaded function and how its parameters
// are laid out. All state here belongs to the GIL.
#include "device.h"
#include "tensor.h"

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

namespace tritorch {

namespace {

constexpr std::size_t most_parameters = 128;

struct Plan {
    CUfunction function = nullptr;
    std::string
        codes;  // a letter an argument, as in the struct module; P a pointer, g bfloat16, x not passed
    unsigned block = 0, shared = 0, ctas = 1;
    bool cooperative = false, dependent = false;
    std::size_t scratch[2] = {0, 0};  // bytes a program, for the kernel's own use and for profiling
};
constexpr const char* plan_name = "tritorch launch plan";

struct Entry {
    const Plan* plan;
    Ref owner;      // of the plan
    Ref constants;  // the names and values whose addresses are in the signature
};
auto& entries = *new std::unordered_map<std::string, Entry>;  // never destroyed: Python is gone by then
PyObject* planner = nullptr;  // planner(kernel, tags, args, constants) -> plan
std::string signature;        // of the call that is being made

// ---- values
// --------------------------------------------------------------------------------------------------

template <class T>
int put(std::uint64_t* slot, T value) noexcept {
    std::memcpy(slot, &value, sizeof value);
    return 0;
}

int put_pointer(std::uint64_t* slot, PyObject* value) {
    if (is_device_array(value)) return put(slot, PyArray_DATA(as_array(value)));
    if (value == Py_None) return put(slot, std::uint64_t(0));
    const unsigned long long address = PyLong_AsUnsignedLongLong(value);
    return PyErr_Occurred() ? -1 : put(slot, address);
}

int put_integer(std::uint64_t* slot, PyObject* value, bool is_unsigned) {
    const Ref number = Ref::steal(PyNumber_Index(value));
    if (!number) return -1;
    const std::uint64_t bits = is_unsigned ? PyLong_AsUnsignedLongLong(number.get())
                                           : std::uint64_t(PyLong_AsLongLong(number.get()));
    return PyErr_Occurred() ? -1 : put(slot, bits);  // little-endian: a narrower parameter is its first bytes
}

int put_bfloat16(std::uint64_t* slot, double value) {
    const float single = float(value);
    std::uint32_t bits;
    std::memcpy(&bits, &single, sizeof bits);
    if (single != single) return put(slot, std::uint16_t(bits >> 16 | 0x40));
    return put(slot, std::uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16));
}

int put_value(std::uint64_t* slot, char code, PyObject* value) {
    switch (code) {
        case 'P': return put_pointer(slot, value);
        case '?': {
            const int truth = PyObject_IsTrue(value);
            return truth < 0 ? -1 : put(slot, std::uint8_t(truth));
        }
        case 'b':
        case 'h':
        case 'i':
        case 'q': return put_integer(slot, value, false);
        case 'B':
        case 'H':
        case 'I':
        case 'Q': return put_integer(slot, value, true);
    }
    const double number = PyFloat_AsDouble(value);
    if (number == -1 && PyErr_Occurred()) return -1;
    switch (code) {
        case 'd': return put(slot, number);
        case 'f': return put(slot, float(number));
        case 'e': return PyFloat_Pack2(number, reinterpret_cast<char*>(slot), 1);
        case 'g': return put_bfloat16(slot, number);
    }
    PyErr_Format(PyExc_SystemError, "launch: a parameter of kind %c", code);
    return -1;
}

// ---- launching
// -----------------------------------------------------------------------------------------------

// Memory that a launch needs beside its arguments: it goes back to the stream's pool at once, whose next user
// comes after the launch in the stream's order.
class Scratch {
  public:
    Scratch(std::size_t bytes, int device, CUstream stream) : device_(device), stream_(stream) {
        if (bytes) block_ = memory_source().allocate(bytes, device, stream);
    }
    ~Scratch() {
        if (block_.pointer) memory_source().free(block_, device_, stream_);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    CUdeviceptr pointer() const noexcept { return block_.pointer; }

  private:
    Block block_;
    int device_;
    CUstream stream_;
};

using Grid = std::array<unsigned, 3>;

// 1: to be launched; 0: empty; -1 with an error set.
int read_grid(PyObject* object, Grid& grid) {
    const Py_ssize_t count = PyTuple_Check(object) ? PyTuple_GET_SIZE(object) : -1;
    if (count < 1 || count > 3) {
        PyErr_SetString(PyExc_TypeError, "launch: expected a grid of one to three sizes");
        return -1;
    }
    grid = {1, 1, 1};
    bool empty = false;
    for (Py_ssize_t i = 0; i < count; ++i) {
        const long long size = PyLong_AsLongLong(PyTuple_GET_ITEM(object, i));
        if (size == -1 && PyErr_Occurred()) return -1;
        if (size < 0 || size > (i == 0 ? 0x7fffffff : 65535)) {
            PyErr_Format(PyExc_ValueError, "launch: expected a grid within 2147483647, 65535, 65535, got %R",
                         object);
            return -1;
        }
        empty |= size == 0;
        grid[i] = unsigned(size);
    }
    return empty ? 0 : 1;
}

// Throws, or returns -1 with an error set.
int run(const Plan& plan, const Grid& grid, int device, CUstream stream, PyObject* const* values) {
    std::uint64_t slots[most_parameters];
    void* parameters[most_parameters + 2];
    std::size_t count = 0;
    for (std::size_t i = 0; i < plan.codes.size(); ++i) {
        if (plan.codes[i] == 'x') continue;
        if (put_value(&slots[count], plan.codes[i], values[i]) < 0) return -1;
        parameters[count] = &slots[count];
        ++count;
    }
    const device::DeviceGuard scope(device);
    const std::size_t programs = std::size_t(grid[0]) * grid[1] * grid[2] * plan.ctas;
    const Scratch own(programs * plan.scratch[0], device, stream),
        profile(programs * plan.scratch[1], device, stream);
    CUdeviceptr pointers[] = {own.pointer(), profile.pointer()};
    parameters[count] = &pointers[0];
    parameters[count + 1] = &pointers[1];

    CUlaunchAttribute attributes[4] = {};
    unsigned used = 0;
    const auto attribute = [&](int id) -> CUlaunchAttribute& {
        attributes[used].id = id;
        return attributes[used++];
    };
    if (plan.cooperative) attribute(2).value.cooperative = 1;
    if (plan.dependent)
        attribute(6).value.cooperative = 1;  // programmatic stream serialization: an int as well
    if (plan.ctas > 1) {
        attribute(4).value.cluster = {plan.ctas, 1, 1};
        attribute(5).value.cooperative = 1;  // clusters spread over the card
    }
    const CUlaunchConfig config = {
        grid[0] * plan.ctas,         grid[1], grid[2], plan.block, 1, 1, plan.shared, stream,
        used ? attributes : nullptr, used};
    TRITORCH_CALL(cuLaunchKernelEx, &config, plan.function, parameters, nullptr);
    after_launch();
    return 0;
}

// ---- signatures
// ----------------------------------------------------------------------------------------------

void add_bytes(const void* bytes, std::size_t count) {
    signature.append(static_cast<const char*>(bytes), count);
}

// The tag of one argument, for the signature and for the planner. 0 with an error set.
char tag_of(PyObject* x) {
    if (is_device_array(x))
        return reinterpret_cast<std::uintptr_t>(PyArray_DATA(as_array(x))) % 16 ? 'p' : 'P';
    if (PyBool_Check(x)) return '?';
    if (PyLong_CheckExact(x)) {
        int overflow = 0;
        const long long value = PyLong_AsLongLongAndOverflow(x, &overflow);
        if (overflow > 0) return 'U';
        if (overflow < 0) {
            PyErr_SetString(PyExc_OverflowError, "launch: an integer below -2**63");
            return 0;
        }
        const bool wide = value != int(value), divisible = value % 16 == 0;
        return wide ? (divisible ? 'Q' : 'q') : (divisible ? 'I' : 'i');
    }
    if (PyFloat_CheckExact(x)) return 'f';
    if (PyArray_IsScalar(x, Generic)) return 'S';
    const Ref name = Ref::steal(PyType_GetName(Py_TYPE(x)));
    if (name) PyErr_Format(PyExc_TypeError, "expected arrays on a device or numbers, got %U", name.get());
    return 0;
}

int sign_argument(PyObject* x) {
    const char tag = tag_of(x);
    if (!tag) return -1;
    signature += tag;
    if (tag == 'P' || tag == 'p') {
        const int number = PyArray_DESCR(as_array(x))->type_num;
        add_bytes(&number, sizeof number);
    } else if (tag == 'S') {
        const PyTypeObject* type = Py_TYPE(x);
        add_bytes(&type, sizeof type);
    }
    return 0;
}

void sign_constant(PyObject* name, PyObject* value) {
    add_bytes(&name, sizeof name);
    if (PyLong_CheckExact(value)) {
        int overflow = 0;
        const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (!overflow) {
            signature += 'i';
            add_bytes(&number, sizeof number);
            return;
        }
    } else if (PyFloat_CheckExact(value)) {
        const double number = PyFloat_AS_DOUBLE(value);
        signature += 'f';
        add_bytes(&number, sizeof number);
        return;
    } else if (PyTuple_CheckExact(value)) {
        signature += '(';
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); ++i)
            sign_constant(name, PyTuple_GET_ITEM(value, i));
        signature += ')';
        return;
    }
    signature += 'o';  // True, None, a text, a kernel: by identity; the entry keeps it alive
    add_bytes(&value, sizeof value);
}

const Plan* plan_of(PyObject* object) {
    return static_cast<const Plan*>(PyCapsule_GetPointer(object, plan_name));
}

const Plan* plan_new(PyObject* const* args, Py_ssize_t count, PyObject* names) {
    const std::string key = signature;  // Python may launch other kernels meanwhile
    const Py_ssize_t given = count - 2, named = names ? PyTuple_GET_SIZE(names) : 0;
    std::string tags;
    for (Py_ssize_t i = 0; i < given; ++i) tags += tag_of(args[2 + i]);
    const Ref values = Ref::steal(PyTuple_New(given)), constants = Ref::steal(PyDict_New());
    if (!values || !constants || !planner) return nullptr;
    for (Py_ssize_t i = 0; i < given; ++i) PyTuple_SET_ITEM(values.get(), i, Py_NewRef(args[2 + i]));
    for (Py_ssize_t i = 0; i < named; ++i)
        if (PyDict_SetItem(constants.get(), PyTuple_GET_ITEM(names, i), args[count + i]) < 0) return nullptr;
    Ref made = Ref::steal(
        PyObject_CallFunction(planner, "Os#OO", args[0], tags.data(), given, values.get(), constants.get()));
    const Plan* plan = made ? plan_of(made.get()) : nullptr;
    if (!plan) return nullptr;
    if (plan->codes.size() != std::size_t(given)) {
        PyErr_SetString(PyExc_SystemError, "launch: the plan is for another number of arguments");
        return nullptr;
    }
    Ref kept = Ref::steal(PyDict_Copy(constants.get()));
    if (!kept) return nullptr;
    return entries.insert_or_assign(key, Entry{plan, std::move(made), std::move(kept)}).first->second.plan;
}

// (kernel, grid, *args, **constants)
PyObject* launch_kernel(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* names) {
    if (count < 2) return PyErr_Format(PyExc_TypeError, "launch(kernel, grid, *args, **constants)");
    Grid grid;
    const int live = read_grid(args[1], grid);
    if (live <= 0) return live < 0 ? nullptr : Py_NewRef(Py_None);
    int device = device::current_device();
    for (Py_ssize_t i = 2; i < count; ++i) {
        if (!is_device_array(args[i])) continue;
        const MemoryObject* memory = memory_of(args[i]);
        if (!memory) return nullptr;
        device = memory->device;
        break;
    }
    signature.clear();
    add_bytes(&args[0], sizeof args[0]);
    add_bytes(&device, sizeof device);
    for (Py_ssize_t i = 2; i < count; ++i)
        if (sign_argument(args[i]) < 0) return nullptr;
    signature += '|';
    const Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    for (Py_ssize_t i = 0; i < named; ++i) sign_constant(PyTuple_GET_ITEM(names, i), args[count + i]);
    return guarded([&]() -> PyObject* {
        const auto found = entries.find(signature);
        const device::DeviceGuard scope(device);  // the planner loads its function there
        const Plan* plan = found != entries.end() ? found->second.plan : plan_new(args, count, names);
        if (!plan || run(*plan, grid, device, device::current_stream(device), args + 2) < 0) return nullptr;
        return Py_NewRef(Py_None);
    });
}

// (plan, grid, device, stream or None, values)
PyObject* launch_plan(PyObject*, PyObject* args) {
    PyObject *object, *grid_object, *handle, *values;
    int device;
    if (!PyArg_ParseTuple(args, "OOiOO!:launch_plan", &object, &grid_object, &device, &handle, &PyTuple_Type,
                          &values))
        return nullptr;
    const Plan* plan = plan_of(object);
    Grid grid;
    CUstream stream;
    const int live = plan ? read_grid(grid_object, grid) : -1;
    if (live <= 0) return live < 0 ? nullptr : Py_NewRef(Py_None);
    if (plan->codes.size() != std::size_t(PyTuple_GET_SIZE(values)))
        return PyErr_Format(PyExc_TypeError, "launch_plan: expected %zu values, got %zd", plan->codes.size(),
                            PyTuple_GET_SIZE(values));
    if (!stream_from(handle, device, &stream)) return nullptr;
    return guarded([&]() -> PyObject* {
        if (run(*plan, grid, device, stream, PySequence_Fast_ITEMS(values)) < 0) return nullptr;
        return Py_NewRef(Py_None);
    });
}

PyObject* make_plan(PyObject*, PyObject* args, PyObject* names) {
    static const char* keywords[] = {"function",    "codes",     "block",   "shared", "ctas",
                                     "cooperative", "dependent", "scratch", nullptr};
    PyObject* function;
    const char* codes;
    Plan plan;
    int cooperative = 0, dependent = 0;
    Py_ssize_t scratch[2] = {0, 0};
    if (!PyArg_ParseTupleAndKeywords(args, names, "OsII|Ipp(nn):make_plan", const_cast<char**>(keywords),
                                     &function, &codes, &plan.block, &plan.shared, &plan.ctas, &cooperative,
                                     &dependent, &scratch[0], &scratch[1]) ||
        !handle_from(function, &plan.function))
        return nullptr;
    plan.codes = codes;
    plan.cooperative = cooperative, plan.dependent = dependent;
    plan.scratch[0] = std::size_t(scratch[0]), plan.scratch[1] = std::size_t(scratch[1]);
    if (plan.codes.size() > most_parameters)
        return PyErr_Format(PyExc_ValueError, "a kernel of %zu arguments: at most %zu", plan.codes.size(),
                            most_parameters);
    return PyCapsule_New(new Plan(std::move(plan)), plan_name, [](PyObject* capsule) {
        delete static_cast<Plan*>(PyCapsule_GetPointer(capsule, plan_name));
    });
}

PyObject* set_planner(PyObject*, PyObject* function) {
    PyObject* before = std::exchange(planner, Py_NewRef(function));
    return before ? before : Py_NewRef(Py_None);
}

PyObject* forget(PyObject*, PyObject*) {
    entries.clear();
    Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"launch_kernel", method(launch_kernel), METH_FASTCALL | METH_KEYWORDS,
     "launch_kernel(kernel, grid, *args, **constants)\n\nOn the current stream of the device that holds the "
     "arrays. Nothing is launched for an empty grid."},
    {"launch_plan", launch_plan, METH_VARARGS,
     "launch_plan(plan, grid, device, stream, values)\n\nstream: a handle, or None for the current one; "
     "values: a tuple, one for each code."},
    {"make_plan", method(make_plan), METH_VARARGS | METH_KEYWORDS,
     "make_plan(function, codes, block, shared, ctas=1, cooperative=False, dependent=False, scratch=(0, "
     "0))\n\n"
     "codes: a letter an argument as in the struct module, P a pointer, g bfloat16, x not passed; block: "
     "threads; "
     "scratch: bytes a program for the kernel and for profiling."},
    {"set_planner", set_planner, METH_O,
     "set_planner(function) -> the one before\n\nfunction(kernel, tags, args, constants) -> plan, for "
     "signatures that are new. tags, "
     "a letter an argument: P p an array (aligned or not), ? f U S a bool, float, 64-bit unsigned, NumPy "
     "scalar, "
     "i I q Q an integer of 32 or 64 bits (a multiple of 16: I, Q)."},
    {"forget_plans", forget, METH_NOARGS, "forget_plans()"},
    {nullptr}};

int init(PyObject* module) { return PyModule_AddFunctions(module, functions); }
const Subject subject(init);

}  // namespace

}  // namespace tritorch
