#include "hone/study/levels.h"

#include <algorithm>
#include <iterator>

#include "hone/study/front.h"

namespace hone::study {

void Levels::insert(std::int64_t id, std::vector<double> values) {
  // Being dominated by a level means being dominated by every level before, so the place is bisected.
  auto level = std::partition_point(levels_.begin(), levels_.end(), [&](const std::vector<Member>& members) {
    return std::any_of(members.begin(), members.end(),
                       [&](const Member& member) { return dominates(member.values, values); });
  });
  std::vector<Member> incoming;
  incoming.push_back({id, std::move(values)});
  for (; level != levels_.end() && !incoming.empty(); ++level) {
    const auto stays = [&](const Member& member) {
      return std::none_of(incoming.begin(), incoming.end(),
                          [&](const Member& better) { return dominates(better.values, member.values); });
    };
    const auto end = std::partition(level->begin(), level->end(), stays);
    std::vector<Member> outgoing(std::make_move_iterator(end), std::make_move_iterator(level->end()));
    level->erase(end, level->end());
    level->insert(level->end(), std::make_move_iterator(incoming.begin()),
                  std::make_move_iterator(incoming.end()));
    incoming = std::move(outgoing);
  }
  if (!incoming.empty()) levels_.push_back(std::move(incoming));

  std::size_t members = 0;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    if (members >= keep_) {
      levels_.resize(i);
      break;
    }
    members += levels_[i].size();
  }
}

void Levels::remove(std::int64_t id) {
  const auto is_it = [&](const Member& member) { return member.id == id; };
  auto level = levels_.begin();
  std::vector<Member> left;  // who has left `level`
  for (; level != levels_.end() && left.empty(); ++level) {
    const auto found = std::find_if(level->begin(), level->end(), is_it);
    if (found == level->end()) continue;
    left.push_back(std::move(*found));
    level->erase(found);
    break;
  }
  // Whoever was dominated in a level by those alone that left it moves up into it.
  for (; level != levels_.end() && !left.empty(); ++level) {
    const auto next = std::next(level);
    if (next == levels_.end()) break;
    const auto by = [](const std::vector<Member>& members, const Member& member) {
      return std::any_of(members.begin(), members.end(),
                         [&](const Member& better) { return dominates(better.values, member.values); });
    };
    const auto up = std::partition(next->begin(), next->end(), [&](const Member& member) {
      return !by(left, member) || by(*level, member);
    });
    left.assign(up, next->end());
    level->insert(level->end(), std::make_move_iterator(up), std::make_move_iterator(next->end()));
    next->erase(up, next->end());
  }
  std::erase_if(levels_, [](const std::vector<Member>& members) { return members.empty(); });
}

}  // namespace hone::study
