// Capture and graphs of the simulated driver.
//
// Note [Simulated graphs]
// A stream that is captured does nothing: what it is given becomes nodes, each after those that came before
// in its stream or in what it waited for. A launch gives the nodes to one stream, in an order that the seed
// draws from those that their edges allow; so the graph's inner order is as contrary as can be, but its
// branches are not watched for races among themselves. The nodes see the blocks that lived when they were
// captured: an allocator must keep those for the graph.
#include "world.h"

#include <algorithm>

namespace tritorch::device::sim {

void capture(World& all, Stream& stream, TaskPointer task) {
    Capture& graph = *stream.capture;
    task->id = ++all.enqueued;
    task->seen = task->id;
    task->device = stream.device;
    graph.nodes.push_back({std::shared_ptr<const Task>(std::move(task)), std::move(stream.last_nodes)});
    stream.last_nodes = {int(graph.nodes.size()) - 1};
}

namespace {

Graph* find(const std::set<Graph*>& among, void* handle) {
    auto* graph = static_cast<Graph*>(handle);
    return among.contains(graph) ? graph : nullptr;
}

CUresult begin(CUstream handle, int) {
    World& all = world();
    const Lock lock(all.lock);
    if (!handle) return STREAM_CAPTURE_UNSUPPORTED;
    Stream* stream = find_stream(all, handle);
    if (!stream) return INVALID_HANDLE;
    if (faulty(all, "graph")) return OUT_OF_MEMORY;
    if (stream->capture) return ILLEGAL_STATE;
    stream->capture = std::make_shared<Capture>();
    stream->capture->origin = stream;
    stream->last_nodes.clear();
    ++all.captures;
    return SUCCESS;
}

// Whether every node comes before what `last` names.
bool joined(const std::vector<Node>& nodes, std::vector<int> open) {
    std::vector<bool> reached(nodes.size());
    while (!open.empty()) {
        const int one = open.back();
        open.pop_back();
        if (reached[one]) continue;
        reached[one] = true;
        open.insert(open.end(), nodes[one].after.begin(), nodes[one].after.end());
    }
    return std::find(reached.begin(), reached.end(), false) == reached.end();
}

CUresult end(CUstream handle, CUgraph* made) {
    World& all = world();
    const Lock lock(all.lock);
    Stream* stream = handle ? find_stream(all, handle) : nullptr;
    *made = nullptr;
    if (!stream) return INVALID_HANDLE;
    if (!stream->capture) return ILLEGAL_STATE;
    if (stream->capture->origin != stream) return STREAM_CAPTURE_UNMATCHED;
    const std::shared_ptr<Capture> ended = stream->capture;
    const bool whole = joined(ended->nodes, stream->last_nodes);
    for (Stream* one : all.streams) {
        if (one->capture != ended) continue;
        one->capture = nullptr;
        one->last_nodes.clear();
    }
    --all.captures;
    if (ended->invalid) return STREAM_CAPTURE_INVALIDATED;
    if (!whole) return STREAM_CAPTURE_UNJOINED;
    auto* graph = new Graph{std::move(ended->nodes)};
    all.graphs.insert(graph);
    *made = reinterpret_cast<CUgraph>(graph);
    return SUCCESS;
}

CUresult is_capturing(CUstream handle, int* status) {
    World& all = world();
    const Lock lock(all.lock);
    const Stream* stream = find_stream(all, handle);
    if (!stream) return INVALID_HANDLE;
    *status = !stream->capture           ? CAPTURE_NONE
              : stream->capture->invalid ? CAPTURE_INVALIDATED
                                         : CAPTURE_ACTIVE;
    return SUCCESS;
}

CUresult instantiate(CUgraphExec* made, CUgraph handle, unsigned long long) {
    World& all = world();
    const Lock lock(all.lock);
    const Graph* graph = find(all.graphs, handle);
    if (!graph) return INVALID_VALUE;
    if (faulty(all, "graph")) return OUT_OF_MEMORY;
    auto* executable = new Graph(*graph);
    all.executables.insert(executable);
    *made = reinterpret_cast<CUgraphExec>(executable);
    return SUCCESS;
}

// An order of the nodes that their edges allow.
std::vector<int> draw_order(World& all, const std::vector<Node>& nodes) {
    std::vector<int> order, ready, missing(nodes.size());
    std::vector<std::vector<int>> next(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        std::vector<int> after = nodes[i].after;
        std::sort(after.begin(), after.end());
        after.erase(std::unique(after.begin(), after.end()), after.end());
        missing[i] = int(after.size());
        for (const int one : after) next[one].push_back(int(i));
        if (after.empty()) ready.push_back(int(i));
    }
    while (!ready.empty()) {
        const auto chosen = all.seed == 0 ? std::min_element(ready.begin(), ready.end())
                                          : ready.begin() + std::ptrdiff_t(all.random() % ready.size());
        const int one = *chosen;
        ready.erase(chosen);
        order.push_back(one);
        for (const int later : next[one])
            if (--missing[later] == 0) ready.push_back(later);
    }
    return order;
}

CUresult launch(CUgraphExec handle, CUstream where) {
    World& all = world();
    const Lock lock(all.lock);
    const Graph* graph = find(all.executables, handle);
    Stream* stream = find_stream(all, where);
    if (!graph || !stream) return INVALID_HANDLE;
    if (faulty(all, "launch")) return LAUNCH_OUT_OF_RESOURCES;
    if (stream->capture) return NOT_SUPPORTED;  // a graph within a graph
    for (const int i : draw_order(all, graph->nodes))
        enqueue(all, *stream, std::make_unique<Task>(*graph->nodes[i].task));
    return SUCCESS;
}

template <std::set<Graph*> World::* Set>
CUresult destroy(void* handle) {
    World& all = world();
    const Lock lock(all.lock);
    Graph* graph = find(all.*Set, handle);
    if (!graph) return INVALID_VALUE;
    (all.*Set).erase(graph);
    delete graph;
    return SUCCESS;
}

}  // namespace

void fill_graph_calls(Table& t) {
    t.cuStreamBeginCapture = begin;
    t.cuStreamEndCapture = end;
    t.cuStreamIsCapturing = is_capturing;
    t.cuThreadExchangeStreamCaptureMode = [](int* mode) {
        thread_local int current = CAPTURE_GLOBAL;
        std::swap(*mode, current);
        return 0;
    };
    t.cuGraphInstantiate = instantiate;
    t.cuGraphLaunch = launch;
    t.cuGraphDestroy = [](CUgraph handle) { return destroy<&World::graphs>(handle); };
    t.cuGraphExecDestroy = [](CUgraphExec handle) { return destroy<&World::executables>(handle); };
    t.cuGraphGetNodes = [](CUgraph handle, void**, std::size_t* count) -> CUresult {
        World& all = world();
        const Lock lock(all.lock);
        const Graph* graph = find(all.graphs, handle);
        if (!graph) return INVALID_VALUE;
        *count = graph->nodes.size();
        return SUCCESS;
    };
}

}  // namespace tritorch::device::sim
