// The machine's own driver: libcuda.so.1, found when it is first needed. A machine without one, or with one
// that is too old, is told so in one line.
#include "table.h"

#include <dlfcn.h>

namespace tritorch::device {

namespace {

constexpr int oldest = 12000;  // the first driver with cuLaunchKernelEx on every platform

std::string version_text(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

std::string fill_from_library(Table& table) {
    void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char* why = dlerror();
        return std::string("found no NVIDIA driver on your system: ") +
               (why ? why : "libcuda.so.1 did not load");
    }
    using GetVersion = CUresult (*)(int*);
    const auto get_version = reinterpret_cast<GetVersion>(dlsym(library, "cuDriverGetVersion"));
    int version = 0;
    if (!get_version || get_version(&version) != SUCCESS) return "libcuda.so.1 does not tell its version";
    if (version < oldest)
        return "the NVIDIA driver on your system is too old (it supports CUDA " + version_text(version) +
               ", tritorch needs " + version_text(oldest) + ")";
    const char* missing = nullptr;
#define LOOK_UP(field, name, parameters)                                         \
    table.field = reinterpret_cast<decltype(table.field)>(dlsym(library, name)); \
    if (!table.field && !missing) missing = name;
    TRITORCH_DRIVER(LOOK_UP)
#undef LOOK_UP
    if (missing) return std::string("the NVIDIA driver on your system lacks ") + missing;
    return "";
}

}  // namespace tritorch::device
