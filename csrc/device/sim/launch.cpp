// The simulated driver's modules and launches.
#include "world.h"

#include <charconv>
#include <cstring>
#include <string_view>

namespace tritorch::device::sim {

namespace {

constexpr std::string_view prefix = "tritorch-sim:";
constexpr unsigned most_threads = 1024, most_shared = 232448;

CUresult module_load(CUmodule* handle, const void* image) {
    World& all = world();
    const Lock lock(all.lock);
    if (faulty(all, "module")) return OUT_OF_MEMORY;
    const auto* text = static_cast<const char*>(image);
    if (std::strncmp(text, prefix.data(), prefix.size()) != 0) return INVALID_IMAGE;
    const std::string_view digits(text + prefix.size());
    int kernel = -1;
    std::from_chars(digits.data(), digits.data() + digits.size(), kernel);
    if (kernel < 0 || std::size_t(kernel) >= all.kernels.size()) return INVALID_IMAGE;
    auto* module = new Module{kernel};
    all.modules.insert(module);
    *handle = reinterpret_cast<CUmodule>(module);
    return SUCCESS;
}

CUresult module_unload(CUmodule handle) {
    World& all = world();
    const Lock lock(all.lock);
    auto* module = reinterpret_cast<Module*>(handle);
    if (!all.modules.erase(module)) return INVALID_HANDLE;
    delete module;
    return SUCCESS;
}

// A function lives for ever: it is a number.
CUresult get_function(CUfunction* handle, CUmodule from, const char*) {
    World& all = world();
    const Lock lock(all.lock);
    auto* module = reinterpret_cast<Module*>(from);
    if (!all.modules.contains(module)) return INVALID_HANDLE;
    auto* function = new Function{module->kernel};
    all.functions.insert(function);
    *handle = reinterpret_cast<CUfunction>(function);
    return SUCCESS;
}

// The parameters' bytes, packed as a kernel's are: each aligned to its size.
bool gather(Launch& launch, const std::vector<std::size_t>& sizes, void** parameters, void** extra) {
    const auto assign = [&](const void* from, std::size_t at, std::size_t bytes) {
        launch.parameters.resize((at + bytes + 7) / 8);
        if (bytes) std::memcpy(reinterpret_cast<char*>(launch.parameters.data()) + at, from, bytes);
        launch.parameter_bytes = at + bytes;
    };
    if (extra) {
        const void* buffer = nullptr;
        std::size_t bytes = 0;
        for (; *extra; extra += 2) {
            if (extra[0] == LAUNCH_BUFFER_POINTER) buffer = extra[1];
            else if (extra[0] == LAUNCH_BUFFER_SIZE) bytes = *static_cast<const std::size_t*>(extra[1]);
            else return false;
        }
        assign(buffer, 0, buffer ? bytes : 0);
        return true;
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        if (!parameters || !parameters[i]) return false;
        const std::size_t alignment = sizes[i] >= 8 ? 8 : sizes[i];
        at = (at + alignment - 1) / alignment * alignment;
        assign(parameters[i], at, sizes[i]);
        at += sizes[i];
    }
    return true;
}

CUresult launch_kernel(const CUlaunchConfig* config, CUfunction handle, void** parameters, void** extra) {
    World& all = world();
    TaskPointer task = make_task("kernel");
    auto launch = std::make_shared<Launch>();
    const Lock lock(all.lock);
    auto* function = reinterpret_cast<Function*>(handle);
    Stream* stream = find_stream(all, config->stream);
    if (!all.functions.contains(function) || !stream) return INVALID_HANDLE;
    if (faulty(all, "launch")) return LAUNCH_OUT_OF_RESOURCES;
    const std::uint64_t threads = std::uint64_t(config->block_x) * config->block_y * config->block_z;
    const bool empty = !config->grid_x || !config->grid_y || !config->grid_z || !threads;
    if (empty || config->grid_y > 65535 || config->grid_z > 65535 || config->grid_x > 0x7fffffffu ||
        threads > most_threads || config->shared_bytes > most_shared)
        return INVALID_VALUE;
    *launch = {function->kernel,
               stream->device,
               {config->grid_x, config->grid_y, config->grid_z},
               {config->block_x, config->block_y, config->block_z},
               config->shared_bytes,
               {},
               0};
    const World::Kernel& kernel = all.kernels[function->kernel];
    if (!gather(*launch, kernel.sizes, parameters, extra)) return INVALID_VALUE;
    task->name = "kernel " + kernel.name;
    task->cost = 2 + 0.1 * double(config->grid_x) * config->grid_y * config->grid_z;
    task->body = [&all, launch](const Task&) -> CUresult {
        {
            const Lock inside(all.lock);
            if (faulty(all, "kernel")) return LAUNCH_FAILED;
        }
        return all.hooks.run ? all.hooks.run(*launch) : NOT_SUPPORTED;
    };
    enqueue(all, *stream, std::move(task));
    return SUCCESS;
}

}  // namespace

int register_kernel(std::string name, std::vector<std::size_t> sizes) {
    World& all = world();
    const Lock lock(all.lock);
    all.kernels.push_back({std::move(name), std::move(sizes)});
    return int(all.kernels.size()) - 1;
}

void fill_launch_calls(Table& t) {
    t.cuModuleLoadData = module_load;
    t.cuModuleUnload = module_unload;
    t.cuModuleGetFunction = get_function;
    t.cuFuncSetAttribute = [](CUfunction, int, int) { return 0; };
    t.cuFuncGetAttribute = [](int* value, int attribute, CUfunction) {
        return *value = attribute == 0 ? int(most_threads) : 0, 0;
    };
    t.cuLaunchKernelEx = launch_kernel;
}

}  // namespace tritorch::device::sim
