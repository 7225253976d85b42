#include "hone/space/operator_type.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hone::space {
namespace {

constexpr const char* kExample = "write it as [batch, time, width] -> [batch, time, width]";
const std::string kAny = "..";

bool is_number(const std::string& dimension) {
  return std::isdigit(static_cast<unsigned char>(dimension[0])) != 0;
}

class TypeReader {
 public:
  TypeReader(const std::string& text, const Place& place) : text_(text), place_(place) {}

  std::vector<OperatorType::Tensor> read() {
    std::vector<OperatorType::Tensor> tensors;
    do tensors.push_back(tensor());
    while (take(","));
    need("->", "',' or '->'");
    tensors.push_back(tensor());
    if (at() < text_.size()) throw unexpected("the end");
    return tensors;
  }

 private:
  std::size_t at() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    return at_;
  }
  bool take(const std::string& symbol) {
    if (text_.compare(at(), symbol.size(), symbol) != 0) return false;
    at_ += symbol.size();
    return true;
  }
  void need(const std::string& symbol, const char* what) {
    if (!take(symbol)) throw unexpected(what);
  }
  Error unexpected(const std::string& what) {
    return Error(fmt::format("column {} of \"{}\": expected {}", at() + 1, text_, what), place_, kExample);
  }

  OperatorType::Tensor tensor() {
    OperatorType::Tensor tensor;
    tensor.integer = take("integer");
    if (!tensor.integer) take("real");
    need("[", "a tensor as [batch, width]");
    if (take("]")) return tensor;
    do tensor.dimensions.push_back(dimension());
    while (take(","));
    need("]", "',' or ']'");
    if (std::count(tensor.dimensions.begin(), tensor.dimensions.end(), kAny) > 1)
      throw Error(fmt::format("in \"{}\": '..' stands twice in one tensor", text_), place_, kExample);
    return tensor;
  }

  std::string dimension() {
    if (take(kAny)) return kAny;
    const std::size_t start = at();
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
      ++at_;
    const std::string found = text_.substr(start, at_ - start);
    const bool digits = found.find_first_not_of("0123456789") == std::string::npos;
    if (found.empty() || (is_number(found) && !digits)) {
      at_ = start;
      throw unexpected("a dimension: a name, a number or '..'");
    }
    return found;
  }

  const std::string& text_;
  const Place& place_;
  std::size_t at_ = 0;
};

/// What this type's variables stand for in the wanted type; `..` for several dimensions.
class Unifier {
 public:
  /// Whether `own` can be `wanted`, whose dimensions are fixed but for those in `open`.
  bool unify(const OperatorType::Tensor& own, const OperatorType::Tensor& wanted,
             const std::vector<std::string>& open = {}) {
    if (own.integer != wanted.integer) return false;
    const auto& a = own.dimensions;
    const auto& b = wanted.dimensions;
    const auto row = std::find(a.begin(), a.end(), kAny);
    if (row == a.end()) {
      // `..` of the wanted type may be of any length; only another `..` takes that.
      if (a.size() != b.size() || std::find(b.begin(), b.end(), kAny) != b.end()) return false;
      for (std::size_t i = 0; i < a.size(); ++i)
        if (!same(a[i], b[i], open)) return false;
      return true;
    }
    const auto before = static_cast<std::size_t>(row - a.begin()), after = a.size() - before - 1;
    if (b.size() < before + after) return false;
    for (std::size_t i = 0; i < before; ++i)
      if (b[i] == kAny || !same(a[i], b[i], open)) return false;
    for (std::size_t i = 0; i < after; ++i)
      if (b[b.size() - 1 - i] == kAny || !same(a[a.size() - 1 - i], b[b.size() - 1 - i], open)) return false;
    const std::vector<std::string> middle(b.begin() + static_cast<std::ptrdiff_t>(before),
                                          b.end() - static_cast<std::ptrdiff_t>(after));
    if (!rest_) rest_ = middle;
    if (rest_->size() != middle.size()) return false;
    for (std::size_t i = 0; i < middle.size(); ++i)
      if ((*rest_)[i] != middle[i] && !is_open(middle[i], open)) return false;
    return true;
  }

 private:
  static bool is_open(const std::string& dimension, const std::vector<std::string>& open) {
    return std::find(open.begin(), open.end(), dimension) != open.end();
  }
  bool same(const std::string& own, const std::string& wanted, const std::vector<std::string>& open) {
    if (is_open(wanted, open)) {
      // It becomes what the operator gives, everywhere the same.
      const auto [found, is_new] = opened_.try_emplace(wanted, own);
      return is_new || found->second == own;
    }
    if (is_number(own)) return own == wanted;
    const auto [found, is_new] = bound_.try_emplace(own, wanted);
    return is_new || found->second == wanted;
  }

  std::map<std::string, std::string> bound_, opened_;
  std::optional<std::vector<std::string>> rest_;
};

std::string tensor_text(const OperatorType::Tensor& tensor) {
  return fmt::format("{}[{}]", tensor.integer ? "integer " : "", fmt::join(tensor.dimensions, ", "));
}

/// How far a type is from the wanted one, for messages: inputs, ranks and outputs that differ.
int distance(const OperatorType& a, const OperatorType& b) {
  int sum = 4 * std::abs(static_cast<int>(a.inputs().size()) - static_cast<int>(b.inputs().size()));
  for (std::size_t i = 0; i < std::min(a.inputs().size(), b.inputs().size()); ++i)
    sum += Unifier().unify(a.inputs()[i], b.inputs()[i]) ? 0 : 2;
  return sum + (Unifier().unify(a.output(), b.output()) ? 0 : 1);
}

}  // namespace

OperatorType OperatorType::parse(const std::string& text, const Place& place) {
  OperatorType type;
  type.inputs_ = TypeReader(text, place).read();
  type.output_ = std::move(type.inputs_.back());
  type.inputs_.pop_back();
  return type;
}

std::string OperatorType::text() const {
  std::vector<std::string> inputs;
  for (const Tensor& input : inputs_) inputs.push_back(tensor_text(input));
  return fmt::format("{} -> {}", fmt::join(inputs, ", "), tensor_text(output_));
}

bool OperatorType::fits(const OperatorType& wanted) const {
  if (inputs_.size() != wanted.inputs_.size()) return false;
  Unifier unifier;
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (!unifier.unify(inputs_[i], wanted.inputs_[i])) return false;
  std::vector<std::string> open;
  for (const std::string& dimension : wanted.output_.dimensions) {
    const bool given = std::any_of(wanted.inputs_.begin(), wanted.inputs_.end(), [&](const Tensor& input) {
      return std::find(input.dimensions.begin(), input.dimensions.end(), dimension) != input.dimensions.end();
    });
    if (!given && dimension != kAny && !is_number(dimension)) open.push_back(dimension);
  }
  return unifier.unify(output_, wanted.output_, open);
}

std::vector<std::string> operators_of_type(const OperatorType& wanted, const Place& place) {
  std::vector<std::string> found;
  std::vector<std::pair<int, std::string>> near;
  for (const Registry::Method* method : methods().of("operator")) {
    if (method->info.type.empty()) continue;
    const OperatorType type = OperatorType::parse(method->info.type);
    if (type.fits(wanted)) {
      found.push_back(method->info.name);
    } else {
      near.emplace_back(distance(type, wanted), fmt::format("{}: {}", method->info.name, type.text()));
    }
  }
  if (!found.empty()) return found;
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, near.size()); ++i) texts.push_back(near[i].second);
  throw Error(fmt::format("no operator has the type {}", wanted.text()), place,
              fmt::format("near are {}", fmt::join(texts, "; ")));
}

}  // namespace hone::space

HONE_REGISTER(space, operators_by_type) {
  registry.add(
      "space",
      hone::MethodInfo{
          .name = "operators_by_type",
          .summary = "{ operator = \"[batch, time, width] -> [batch, time, width]\" } in [space] is a choice "
                     "among all operators of that type.",
          .paper = "NeuralArTS: Structuring Neural Architecture Search with Type Theory",
          .options = {},
          .traits = "variables, sizes, any number of dimensions, unification"},
      nullptr);
}
