#include "settings.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <string_view>
#include <utility>
#include <vector>

namespace tritorch::allocator {

namespace {

using Words = std::vector<std::string>;

Words split(const std::string& text) {
    Words words;
    std::string word;
    const auto finish = [&] {
        if (!word.empty()) words.push_back(std::exchange(word, {}));
    };
    for (const char letter : text) {
        if (std::string_view(",:[]").find(letter) != std::string_view::npos) {
            finish();
            words.emplace_back(1, letter);
        } else if (!std::isspace(static_cast<unsigned char>(letter))) {
            word += letter;
        }
    }
    finish();
    return words;
}

class Parser {
  public:
    Parser(const std::string& text, Settings& into) : words_(split(text)), into_(into) {}

    void run() {
        bool rounding_given = false;
        while (at_ < words_.size()) {
            const std::string key = next();
            expect(":");
            if (key == "max_non_split_rounding_mb") rounding_given = true;
            setting(key);
            if (at_ < words_.size()) expect(",");
        }
        if (!rounding_given) into_.max_non_split_rounding_size = into_.large_segment_size;
    }

  private:
    [[noreturn]] static void fail(const std::string& what) { throw SettingsError(what); }

    const std::string& next() {
        if (at_ == words_.size()) fail("TRITORCH_CUDA_ALLOC_CONF ends where a value was expected");
        return words_[at_++];
    }
    void expect(const char* mark) {
        const std::string found = at_ < words_.size() ? words_[at_] : "the end";
        if (found != mark)
            fail(std::string("Error parsing TRITORCH_CUDA_ALLOC_CONF, expected '") + mark + "', found " +
                 found);
        ++at_;
    }

    static std::size_t number(const std::string& word) {
        const bool digits = !word.empty() && std::all_of(word.begin(), word.end(),
                                                         [](unsigned char c) { return std::isdigit(c); });
        if (!digits || word.size() > 18)
            fail("Error parsing TRITORCH_CUDA_ALLOC_CONF, expected a whole number, found '" + word + "'");
        return std::stoull(word);
    }
    std::size_t megabytes() { return std::min(number(next()), no_limit / MiB) * MiB; }
    double real() {
        const std::string word = next();
        std::size_t read = 0;
        double value = 0;
        try {
            value = std::stod(word, &read);
        } catch (const std::exception&) {}
        if (!read || read != word.size())
            fail("Error parsing TRITORCH_CUDA_ALLOC_CONF, expected a number, found '" + word + "'");
        return value;
    }
    bool truth() {
        const std::string word = next();
        if (word != "True" && word != "False")
            fail("Expected 'True' or 'False' at index " + std::to_string(at_ - 1) +
                 " in ConfigTokenizer but got '" + word + "'");
        return word == "True";
    }

    std::size_t at_least_a_segment(const char* key) {
        const std::size_t size = megabytes();
        if (size < into_.large_segment_size)
            fail(std::string("CachingAllocator option ") + key +
                 " too small, must be >= " + std::to_string(into_.large_segment_size / MiB));
        return size;
    }

    void setting(const std::string& key) {
        if (key == "max_split_size_mb") {
            into_.max_split_size = at_least_a_segment("max_split_size_mb");
        } else if (key == "max_non_split_rounding_mb") {
            into_.max_non_split_rounding_size = at_least_a_segment("max_non_split_rounding_mb");
        } else if (key == "large_segment_size_mb") {
            into_.large_segment_size = megabytes();
            if (into_.large_segment_size <= large_limit)
                fail("CachingAllocator option large_segment_size_mb must be > 10 MB");
        } else if (key == "garbage_collection_threshold") {
            const double value = real();
            if (!(value > 0 && value < 1)) fail("garbage_collect_threshold is invalid, set it in (0.0, 1.0)");
            into_.garbage_collection_threshold = value;
        } else if (key == "per_process_memory_fraction") {
            const double value = real();
            if (!(value >= 0 && value <= 1))
                fail("per_process_memory_fraction is invalid, set it in [0.0, 1.0]");
            into_.per_process_memory_fraction = value;
        } else if (key == "roundup_power2_divisions") {
            divisions();
        } else if (key == "pinned_max_round_threshold_mb") {
            into_.pinned_max_round_threshold = megabytes();
        } else if (key == "pinned_max_cached_size_mb") {
            into_.pinned_max_cached_size = megabytes();
        } else if (key == "backend") {
            if (const std::string name = next(); name != "native")
                fail("Unknown allocator backend '" + name + "', options are native");
        } else if (key == "expandable_segments") {
            if (truth())
                fail(
                    "expandable_segments:True is not supported: tritorch's segments have a fixed size; "
                    "max_split_size_mb and roundup_power2_divisions are the means against fragmentation");
        } else {
            fail("Unrecognized key '" + key + "' in CUDA allocator config.");
        }
    }

    void divisions() {
        auto& table = into_.roundup_power2_divisions;
        if (at_ == words_.size() || words_[at_] != "[") {
            const std::size_t value = number(next());
            if (!std::has_single_bit(value)) fail("For roundups, the divisions has to be power of 2 ");
            table.fill(value);
            return;
        }
        expect("[");
        std::size_t last = 0;
        bool first = true;
        while (at_ < words_.size() && words_[at_] != "]") {
            const std::string from = next();
            expect(":");
            const std::size_t value = number(next());
            if (value && !std::has_single_bit(value))
                fail("For roundups, the divisions has to be power of 2 or 0 to disable roundup ");
            if (from == ">") {
                std::fill(table.begin() + std::min(last + 1, table.size()), table.end(), value);
            } else {
                const std::size_t start = number(from);
                if (!std::has_single_bit(start)) fail("For roundups, the intervals have to be power of 2 ");
                const std::size_t index = std::min<std::size_t>(std::bit_width(start) - 1, table.size() - 1);
                if (std::exchange(first, false)) std::fill(table.begin(), table.begin() + index, value);
                table[index] = value;
                last = index;
            }
            if (at_ < words_.size() && words_[at_] != "]") expect(",");
        }
        expect("]");
    }

    Words words_;
    Settings& into_;
    std::size_t at_ = 0;
};

// `size` up to the next of the `divisions` equal steps between two powers of two.
std::size_t round_to_division(std::size_t size, std::size_t divisions) noexcept {
    if (std::has_single_bit(size)) return size;
    const std::size_t power = std::bit_floor(size);
    const std::size_t step = power / divisions;  // divisions is a power of two
    return step ? (size + step - 1) & ~(step - 1) : power << 1;
}

}  // namespace

Settings Settings::parse(const std::string& text) {
    Settings settings;
    Parser(text, settings).run();
    settings.text = text;
    return settings;
}

std::size_t Settings::divisions(std::size_t size) const noexcept {
    const int index = std::bit_width(size) - std::bit_width(MiB);
    return roundup_power2_divisions[std::clamp(index, 0, int(roundup_power2_divisions.size()) - 1)];
}

std::size_t Settings::round(std::size_t size) const noexcept {
    if (size < smallest_block) return smallest_block;
    const std::size_t parts = divisions(size);
    if (parts > 1 && size > smallest_block * parts) return round_to_division(size, parts);
    return (size + smallest_block - 1) & ~(smallest_block - 1);
}

std::size_t Settings::segment_size(std::size_t size) const noexcept {
    if (size <= small_limit) return small_segment;
    if (size < large_limit) return large_segment_size;
    return (size + large_unit - 1) & ~(large_unit - 1);
}

}  // namespace tritorch::allocator
