// The parts of the allocator that stand alone: settings, rounding, sets of free blocks, the ring of history.
#include "allocator.h"

#include <random>
#include <set>
#include <utility>

using namespace fake;
using check::thrown;

namespace {

std::string refusal(const std::string& settings) {
    return thrown([&] { Settings::parse(settings); });
}

std::string divisions(const std::string& settings) {
    std::string text;
    for (const std::size_t count : Settings::parse(settings).roundup_power2_divisions)
        text += std::to_string(count) + " ";
    return text;
}

}  // namespace

TEST(sizes_are_rounded_as_torch_does) {
    const Settings plain;
    const std::vector<std::pair<std::size_t, std::size_t>> sizes{
        {0, 512}, {1, 512}, {511, 512}, {512, 512}, {513, 1024}, {MiB - 1, MiB}, {MiB + 1, MiB + 512}};
    for (const auto& [asked, given] : sizes) CHECK_EQUAL(plain.round(asked), given);
    CHECK_EQUAL(plain.segment_size(512), 2 * MiB);
    CHECK_EQUAL(plain.segment_size(MiB), 2 * MiB);
    CHECK_EQUAL(plain.segment_size(MiB + 512), 20 * MiB);
    CHECK_EQUAL(plain.segment_size(10 * MiB - 512), 20 * MiB);
    CHECK_EQUAL(plain.segment_size(10 * MiB), 10 * MiB);
    CHECK_EQUAL(plain.segment_size(11 * MiB), 12 * MiB);
    CHECK_EQUAL(Settings::parse("large_segment_size_mb:40").segment_size(2 * MiB), 40 * MiB);
}

TEST(sizes_are_rounded_to_divisions_of_powers_of_two) {
    const Settings four = Settings::parse("roundup_power2_divisions:4");
    CHECK_EQUAL(four.round(1200), 1536u);  // too small for steps of 512: the usual rounding
    CHECK_EQUAL(four.round(2100), 2560u);
    CHECK_EQUAL(four.round(5000), 5120u);
    CHECK_EQUAL(four.round(65 * MiB), 80 * MiB);
    CHECK_EQUAL(four.round(64 * MiB), 64 * MiB);
    CHECK_EQUAL(four.round(127 * MiB), 128 * MiB);
    const Settings some = Settings::parse("roundup_power2_divisions:[64:8,128:0,256:2,>:1]");
    CHECK_EQUAL(some.round(65 * MiB), 72 * MiB);
    CHECK_EQUAL(some.round(129 * MiB + 1), 129 * MiB + 512);
    CHECK_EQUAL(some.round(257 * MiB), 384 * MiB);
    CHECK_EQUAL(some.round(513 * MiB), 513 * MiB);
    for (std::size_t size = 1; size < 300 * MiB; size = size * 9 / 7 + 13) {
        CHECK(four.round(size) >= size && four.round(size) % 512 == 0);
        CHECK(some.round(size) >= size && some.round(size) % 512 == 0);
    }
}

TEST(settings_are_read_as_torch_reads_them) {
    const Settings all = Settings::parse(
        " max_split_size_mb : 64, garbage_collection_threshold:0.8,expandable_segments:False,backend:native,"
        "pinned_max_cached_size_mb:8,pinned_max_round_threshold_mb:4,per_process_memory_fraction:0.5");
    CHECK_EQUAL(all.max_split_size, 64 * MiB);
    CHECK_EQUAL(all.garbage_collection_threshold, 0.8);
    CHECK_EQUAL(all.per_process_memory_fraction, 0.5);
    CHECK_EQUAL(all.pinned_max_cached_size, 8 * MiB);
    CHECK_EQUAL(all.pinned_max_round_threshold, 4 * MiB);
    CHECK_EQUAL(Settings::parse("large_segment_size_mb:64").max_non_split_rounding_size, 64 * MiB);
    CHECK_EQUAL(Settings::parse("max_non_split_rounding_mb:32").max_non_split_rounding_size, 32 * MiB);
    // These four tables are what torch 2.13's parser gives.
    CHECK_EQUAL(divisions("roundup_power2_divisions:[256:1,512:2,1024:4,>:8]"),
                "1 1 1 1 1 1 1 1 1 2 4 8 8 8 8 8 ");
    CHECK_EQUAL(divisions("roundup_power2_divisions:[>:4]"), "0 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 ");
    CHECK_EQUAL(divisions("roundup_power2_divisions:[4:2,>:0]"), "2 2 2 0 0 0 0 0 0 0 0 0 0 0 0 0 ");
    CHECK_EQUAL(divisions("roundup_power2_divisions:[256:2,128:4]"), "2 2 2 2 2 2 2 4 2 0 0 0 0 0 0 0 ");
    CHECK_EQUAL(divisions("roundup_power2_divisions:[1048576:16]"), divisions("roundup_power2_divisions:16"));
}

TEST(wrong_settings_are_refused_in_torchs_words) {
    CHECK_EQUAL(refusal("foo:1"), "Unrecognized key 'foo' in CUDA allocator config.");
    CHECK_EQUAL(refusal("max_split_size_mb:10"),
                "CachingAllocator option max_split_size_mb too small, must be >= 20");
    CHECK_EQUAL(refusal("large_segment_size_mb:64,max_split_size_mb:30"),
                "CachingAllocator option max_split_size_mb too small, must be >= 64");
    CHECK_EQUAL(refusal("max_non_split_rounding_mb:1"),
                "CachingAllocator option max_non_split_rounding_mb too small, must be >= 20");
    CHECK_EQUAL(refusal("large_segment_size_mb:10"),
                "CachingAllocator option large_segment_size_mb must be > 10 MB");
    CHECK_EQUAL(refusal("garbage_collection_threshold:1.5"),
                "garbage_collect_threshold is invalid, set it in (0.0, 1.0)");
    CHECK_EQUAL(refusal("roundup_power2_divisions:3"), "For roundups, the divisions has to be power of 2 ");
    CHECK_EQUAL(refusal("roundup_power2_divisions:[256:3]"),
                "For roundups, the divisions has to be power of 2 or 0 to disable roundup ");
    CHECK_EQUAL(refusal("roundup_power2_divisions:[200:4]"),
                "For roundups, the intervals have to be power of 2 ");
    CHECK_EQUAL(refusal("expandable_segments:yes"),
                "Expected 'True' or 'False' at index 2 in ConfigTokenizer but got 'yes'");
    CHECK(refusal("expandable_segments:True").starts_with("expandable_segments:True is not supported: "));
    CHECK(refusal("backend:cudaMallocAsync").starts_with("Unknown allocator backend"));
    CHECK(refusal("per_process_memory_fraction:2").starts_with("per_process_memory_fraction is invalid"));
    for (const char* text :
         {"max_split_size_mb", "max_split_size_mb:", "max_split_size_mb:abc", ":", ",",
          "max_split_size_mb:64 garbage_collection_threshold:0.5", "garbage_collection_threshold:x",
          "roundup_power2_divisions:[256:4", "roundup_power2_divisions:[256", "max_split_size_mb:-1",
          "roundup_power2_divisions:[256:4;512:2]", "garbage_collection_threshold:0.5x",
          "max_split_size_mb:99999999999999999999"})
        CHECK(refusal(text) != "nothing was thrown");
}

TEST(a_free_set_is_ordered_by_size_and_address) {
    std::mt19937_64 random(1);
    std::vector<Block> blocks(3000);
    std::set<std::pair<std::size_t, Address>> plain;
    FreeSet set;
    std::vector<std::size_t> sizes{512, 1024, 1536, 64 * KiB, MiB - 512, MiB, 2 * MiB, 20 * MiB, 3 * GiB};
    for (int step = 0; step < 60000; ++step) {
        Block& block = blocks[random() % blocks.size()];
        if (block.size) {
            set.erase(&block);
            plain.erase({block.size, block.address});
            block.size = 0;
        } else {
            block.address = Address(&block - blocks.data()) * 512;
            block.size = random() % 2 ? sizes[random() % sizes.size()] : 512 * (1 + random() % 8000);
            set.insert(&block);
            plain.insert({block.size, block.address});
        }
        const std::size_t wanted = 512 * (1 + random() % 9000);
        const auto expected = plain.lower_bound({wanted, 0});
        const Block* found = set.at_least(wanted);
        CHECK((found != nullptr) == (expected != plain.end()));
        if (found) CHECK(found->size == expected->first && found->address == expected->second);
        const Block* largest = set.largest();
        CHECK((largest != nullptr) == !plain.empty());
        if (largest) CHECK_EQUAL(largest->address, plain.rbegin()->second);
    }
    std::vector<Block*> listed;
    set.list(listed);
    CHECK_EQUAL(listed.size(), plain.size());
    auto at = plain.begin();
    for (const Block* block : listed) CHECK_EQUAL(block->address, (at++)->second);
}

TEST(a_ring_keeps_the_last_entries) {
    Ring ring;
    const auto addresses = [&] {
        std::string text;
        for (const Entry& entry : ring.entries()) text += std::to_string(entry.address) + " ";
        return text;
    };
    const auto add = [&](Address address) { ring.add({Action::alloc, address, 0, nullptr, {}, 0, nullptr}); };
    ring.set_limit(3);
    for (Address address = 1; address <= 5; ++address) add(address);
    CHECK_EQUAL(addresses(), "3 4 5 ");
    ring.set_limit(2);
    CHECK_EQUAL(addresses(), "4 5 ");
    ring.set_limit(4);
    for (Address address = 6; address <= 8; ++address) add(address);
    CHECK_EQUAL(addresses(), "5 6 7 8 ");
    ring.clear();
    CHECK_EQUAL(addresses(), "");
}

TEST(sizes_are_written_as_torch_writes_them) {
    CHECK_EQUAL(readable(0), "0 bytes");
    CHECK_EQUAL(readable(1024), "1024 bytes");
    CHECK_EQUAL(readable(1536), "1.50 KiB");
    CHECK_EQUAL(readable(20 * MiB), "20.00 MiB");
    CHECK_EQUAL(readable(1024 * MiB), "1024.00 MiB");
    CHECK_EQUAL(readable(79 * GiB + 200 * MiB), "79.20 GiB");
}
