#include "hone/cost/mlir/tokens.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::cost::mlir {
namespace {

std::string shape_token(const Type& type) {
  std::string text;
  for (const std::int64_t size : type.shape) text += size == kDynamic ? "?x" : fmt::format("{}x", size);
  static constexpr const char* kLetters[] = {"none", "i", "f", "index", "c", "other"};
  text += kLetters[static_cast<std::size_t>(type.scalar)];
  if (type.scalar == Type::Scalar::integer || type.scalar == Type::Scalar::real ||
      type.scalar == Type::Scalar::complex)
    text += fmt::format("{}", type.bits);
  return text;
}

class Writer {
 public:
  Writer(const Module& module, Tokens kind, std::size_t most) : module_(module), kind_(kind), most_(most) {}

  std::vector<std::string> function(int id) {
    const Operation& whole = module_.operations[static_cast<std::size_t>(id)];
    for (const int region : whole.regions)
      for (const int argument : module_.regions[static_cast<std::size_t>(region)].blocks[0].arguments) {
        define(argument);
        if (module_.type_of(argument).kind != Type::Kind::none) add(shape_token(module_.type_of(argument)));
      }
    if (!whole.types.empty())
      for (const int result : module_.types[static_cast<std::size_t>(whole.types[0])].results)
        add(shape_token(module_.types[static_cast<std::size_t>(result)]));
    if (!whole.loops.empty()) {
      operation(id);
    } else {
      for (const int region : whole.regions) this->region(region);
    }
    return std::move(out_);
  }

 private:
  void add(std::string token) {
    if (out_.size() < most_) out_.push_back(std::move(token));
  }
  void define(int value) { numbers_.try_emplace(value, numbers_.size()); }

  void region(int id) {
    for (const Block& block : module_.regions[static_cast<std::size_t>(id)].blocks) {
      for (const int argument : block.arguments) define(argument);
      for (const int one : block.operations) operation(one);
    }
  }

  void operation(int id) {
    if (out_.size() >= most_) return;
    const Operation& operation = module_.operations[static_cast<std::size_t>(id)];
    add(std::string(operation.name));
    if (kind_ == Tokens::operands) {
      for (const int operand : operation.operands) {
        const auto found = numbers_.find(operand);
        add(found == numbers_.end() ? "%" : fmt::format("%{}", found->second));
      }
      for (const Loop& loop : operation.loops)
        for (const Bound* bound : {&loop.lower, &loop.upper, &loop.step}) {
          const AffineMap& map = module_.maps[static_cast<std::size_t>(bound->map)];
          std::int64_t fixed = map.results.empty() ? kDynamic : map.constant(0);
          if (fixed == kDynamic && bound->operands.size() == 1) fixed = module_.constant(bound->operands[0]);
          add(fixed == kDynamic ? "?" : fmt::format("{}", fixed));
        }
      for (const int result : operation.results) {
        define(result);
        add(shape_token(module_.type_of(result)));
      }
    }
    for (const int one : operation.regions) region(one);
    if (!operation.regions.empty()) add("}");
  }

  const Module& module_;
  Tokens kind_;
  std::size_t most_;
  std::vector<std::string> out_;
  std::unordered_map<int, std::size_t> numbers_;
};

}  // namespace

std::vector<std::string> tokens(const Module& module, int function, Tokens kind, std::size_t most) {
  return Writer(module, kind, most).function(function);
}

Vocabulary Vocabulary::build(std::span<const std::vector<std::string>> texts, std::int64_t least,
                             std::size_t most) {
  std::map<std::string, std::int64_t> counts;
  for (const auto& text : texts)
    for (const std::string& token : text) ++counts[token];
  std::vector<std::pair<std::string, std::int64_t>> list(counts.begin(), counts.end());
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  Vocabulary vocabulary;
  for (const auto& [token, count] : list)
    if (count >= least && vocabulary.tokens_.size() < most) vocabulary.tokens_.push_back(token);
  vocabulary.index();
  return vocabulary;
}

void Vocabulary::index() {
  numbers_.clear();
  for (std::size_t i = 0; i < tokens_.size(); ++i)
    numbers_.emplace(tokens_[i], static_cast<std::int32_t>(i) + 2);
}

std::int32_t Vocabulary::number(const std::string& token) const {
  const auto found = numbers_.find(token);
  return found == numbers_.end() ? kUnknown : found->second;
}

std::vector<std::int32_t> Vocabulary::encode(std::span<const std::string> tokens) const {
  std::vector<std::int32_t> numbers;
  numbers.reserve(tokens.size());
  for (const std::string& token : tokens) numbers.push_back(number(token));
  return numbers;
}

Json Vocabulary::json() const { return Json(tokens_); }

Vocabulary Vocabulary::from_json(const Json& json) {
  Vocabulary vocabulary;
  if (!json.is_array()) throw Error("a vocabulary is a list of tokens");
  for (const Json& token : json) {
    if (!token.is_string()) throw Error("a vocabulary's tokens are texts");
    vocabulary.tokens_.push_back(token.get<std::string>());
  }
  vocabulary.index();
  if (vocabulary.numbers_.size() != vocabulary.tokens_.size())
    throw Error("a vocabulary names a token twice");
  return vocabulary;
}

}  // namespace hone::cost::mlir
