#include "block.h"

#include <bit>

namespace tritorch::allocator {

namespace {

bool before(const Block* a, const Block* b) noexcept {
    return a->size != b->size ? a->size < b->size : a->address < b->address;
}

std::uint32_t hash(Address address) noexcept {
    std::uint64_t mixed = address * 0x9E3779B97F4A7C15u;
    mixed ^= mixed >> 29;
    return std::uint32_t((mixed * 0xBF58476D1CE4E5B9u) >> 32);
}

void insert_into(Block*& root, Block* block) noexcept {
    block->priority = hash(block->address);
    Block** link = &root;
    while (*link && (*link)->priority >= block->priority)
        link = before(block, *link) ? &(*link)->left : &(*link)->right;
    // What was here goes below the block: what comes before it on the left, the rest on the right.
    Block* rest = *link;
    *link = block;
    Block **left = &block->left, **right = &block->right;
    while (rest) {
        if (before(rest, block)) {
            *left = rest;
            left = &rest->right;
            rest = rest->right;
        } else {
            *right = rest;
            right = &rest->left;
            rest = rest->left;
        }
    }
    *left = *right = nullptr;
}

void erase_from(Block*& root, Block* block) noexcept {
    Block** link = &root;
    while (*link != block) link = before(block, *link) ? &(*link)->left : &(*link)->right;
    Block *left = block->left, *right = block->right;
    while (left && right) {
        if (left->priority >= right->priority) {
            *link = left;
            link = &left->right;
            left = *link;
        } else {
            *link = right;
            link = &right->left;
            right = *link;
        }
    }
    *link = left ? left : right;
}

Block* leftmost(Block* root) noexcept {
    while (root->left) root = root->left;
    return root;
}

Block* rightmost(Block* root) noexcept {
    while (root && root->right) root = root->right;
    return root;
}

void list_tree(Block* root, std::vector<Block*>& into) {
    std::vector<Block*> path;
    for (Block* at = root; at || !path.empty();) {
        for (; at; at = at->left) path.push_back(at);
        at = path.back();
        path.pop_back();
        into.push_back(at);
        at = at->right;
    }
}

std::size_t lowest(std::uint64_t bits) noexcept { return std::size_t(std::countr_zero(bits)); }
std::size_t highest(std::uint64_t bits) noexcept { return std::size_t(std::bit_width(bits) - 1); }

}  // namespace

void FreeSet::insert(Block* block) {
    const std::size_t size = block->size / smallest_block;
    if (size >= sizes) {
        insert_into(large_, block);
        return;
    }
    if (!bins_) bins_ = std::make_unique<Bins>();
    insert_into(bins_->trees[size], block);
    bins_->used[size / word] |= std::uint64_t(1) << size % word;
    bins_->words |= std::uint64_t(1) << size / word;
}

void FreeSet::erase(Block* block) noexcept {
    const std::size_t size = block->size / smallest_block;
    if (size >= sizes) {
        erase_from(large_, block);
        return;
    }
    erase_from(bins_->trees[size], block);
    if (bins_->trees[size]) return;
    std::uint64_t& used = bins_->used[size / word];
    used &= ~(std::uint64_t(1) << size % word);
    if (!used) bins_->words &= ~(std::uint64_t(1) << size / word);
}

Block* FreeSet::at_least(std::size_t size) const noexcept {
    const std::size_t first = (size + smallest_block - 1) / smallest_block;
    if (bins_ && first < sizes) {
        const std::size_t at = first / word;
        if (const std::uint64_t here = bins_->used[at] >> first % word << first % word)
            return leftmost(bins_->trees[at * word + lowest(here)]);
        if (const std::uint64_t later = bins_->words >> at >> 1) {
            const std::size_t next = at + 1 + lowest(later);
            return leftmost(bins_->trees[next * word + lowest(bins_->used[next])]);
        }
    }
    Block* best = nullptr;
    for (Block* at = large_; at;) {
        if (at->size >= size) {
            best = at;
            at = at->left;
        } else {
            at = at->right;
        }
    }
    return best;
}

Block* FreeSet::largest() const noexcept {
    if (large_) return rightmost(large_);
    if (!bins_ || !bins_->words) return nullptr;
    const std::size_t at = highest(bins_->words);
    return rightmost(bins_->trees[at * word + highest(bins_->used[at])]);
}

void FreeSet::list(std::vector<Block*>& into) const {
    if (bins_)
        for (Block* tree : bins_->trees) list_tree(tree, into);
    list_tree(large_, into);
}

}  // namespace tritorch::allocator
