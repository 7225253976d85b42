#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>

#include "hone/cost/mlir/jumps.h"
#include "hone/cost/mlir/nest.h"
#include "hone/cost/mlir/nest_condition.h"

namespace hone::cost::mlir {

/// Of an operation on whole tensors: its loops and how they index its operands.
struct Domain {
  std::vector<std::int64_t> sizes;  ///< kDynamic: unknown
  std::vector<bool> reduction;
  struct Operand {
    int value = -1;
    bool store = false;
    std::vector<std::vector<std::pair<int, std::int64_t>>> indices;  ///< a dimension: (loop, factor), ...
    int number = -1;                                                 ///< among the operation's operands
  };
  std::vector<Operand> operands;
};

/// How loops index operands, a letter a loop: `loops` in their order, of them `reductions`.
struct Layout {
  std::string_view loops;
  /// Between commas, the output last. `(h*s+p*d)`: two loops in one dimension with the strides and dilations
  /// of a window; `(c*k+m)`: the second is inside one position of the first; `-`: no loop.
  std::string_view operands;
  std::string_view reductions;
  bool windows = false;  ///< a pooling: the second operand is only a shape
};
/// The loops over values that are operands in a layout; none where their ranks are not the layout's.
/// `strides` and `dilations` are the windows', 1 where there are none.
std::optional<Domain> domain_of(const Module& module, const Layout& layout, std::span<const int> values,
                                std::span<const std::int64_t> strides,
                                std::span<const std::int64_t> dilations);
/// The whole numbers that a constant or a list of constants (`torch.prim.ListConstruct`) gives; empty where a
/// value is none.
std::vector<std::int64_t> constants(const Module& module, int value);

/// The loops of a named linalg operation (linalg.matmul, linalg.conv_2d_nhwc_hwcf, ...), from its operands'
/// shapes; none where it is not known or the shapes do not fit. `combine` is what one innermost iteration
/// does.
std::optional<Domain> named_domain(const Module& module, const Operation& operation,
                                   std::vector<Work>& combine);

/// Sample points.
inline constexpr std::size_t kSamples = 32;

/// Operations between a value and what it is computed from, at most.
inline constexpr int kMaxChain = 200;

/// The same for operations that give the same of the same operands, before which predicates stand in the
/// text.
inline std::uint64_t code_of(const Operation& operation) {
  return std::hash<std::string_view>()(operation.name) +
         std::hash<std::string_view>()(operation.text.substr(0, operation.text.find('%')));
}

/// Operations that run one of their regions (scf.if, tosa.cond_if, stablehlo.case, torch.prim.If), and that
/// run them again and again (scf.while, tosa.while_loop, torch.prim.Loop), by name.
bool chooses(std::string_view name);
bool goes_around(std::string_view name);
/// Whether an operation puts a vector's elements together in their order, as sums and products of reals are
/// (vector.reduction), unless it says that any other will do.
bool reduces_in_order(const Operation& operation, bool real);
/// Whether an operation gives what one of its two regions ends with, as a condition says.
bool gives_a_side(const Operation& operation);
/// Whether nothing says how often an operation's regions run; functions are none of what is around them.
bool has_unknown_body(const Operation& operation);
/// Whether an operation's result is in the memory of its first operand, by its name.
bool is_view(std::string_view name);
class NestBuilder {
 public:
  NestBuilder(const Module& module, Nest& nest) : module_(module), nest_(nest) {}
  void function(int operation);

 private:
  /// Where the walk is: the loop around, and how often what stands here runs beside it.
  struct At {
    int loop = -1;
    double share = 1.0;
    int under = -1;  ///< what is known to hold, among held_; -1: nothing is
  };
  /// The values of an index at the sample points.
  using Points = std::vector<double>;

  void region(int id, At at);
  void block(const Block& block, At at);
  int ended_with(int region, std::size_t number) const;
  void returned(std::span<const int> values);
  bool only_seen(int value);
  void copy_out(int value);
  void operation(int id, At at);
  void loops(const Operation& operation, At at);
  void branches(const Operation& operation, At at);
  void access(const Operation& operation, At at, bool store);
  std::vector<int> rows_along(const Operation& operation, const Type& vector, std::size_t rank) const;
  void rows(const Operation& operation, int held, int moved, Nest::Access access);
  void keep_inside(Nest::Access& access, const Type& type) const;
  void step(const Operation& operation, At at, Work work);
  void add_step(Nest::Step step, bool brain);
  void contract(Nest::Step step);
  void reduce_in_order(const Operation& operation, Nest::Step step);
  bool of_complex(const Operation& operation, Nest::Step step);
  void atomic(const Operation& operation, At at);
  void library_calls(const Operation& operation, std::size_t first);
  Few<Work> works_of(const Operation& operation, Work work) const;
  void flow(const Operation& operation, At at, bool ended);
  int add_loop(At at, const Points& trips, bool parallel, bool known, bool implied);
  double count(At at) const;
  struct Longer {
    explicit Longer(NestBuilder& builder) : builder_(builder) { ++builder_.chain_; }
    ~Longer() { --builder_.chain_; }
    NestBuilder& builder_;
  };
  bool varies(const Bound& bound) const;
  bool bounds_vary(int function, Few<int>& seen);
  void bounded_by(int loop, int around, int value);
  std::vector<Nest::Index> sums(const Bound& bound);

  // What loops count by (mlir/nest_counts.cpp).
  Points stands_at(int loop, const Points& trips) const;
  bool counted(std::span<const int> names, int next, int initial, int loop);
  /// A number that a loop counts by, and the comparison that ends it.
  struct Counter {
    Few<int> names;  ///< as what an iteration knows it
    Few<int> sums;   ///< as what it knows `next` behind the comparison
    int initial = -1, next = -1;
    int comparison = -1, addition = -1;  ///< operations
    int bound = -1, by = -1;             ///< values: what it is compared with, what is added
    bool known = true;                   ///< from where to where; else kUnknownTrips
    int condition = -1;                  ///< value
    bool holds = true, at_end = false;   ///< the condition where it goes on; see counter()
    Points first, step, trips;
  };
  std::optional<Counter> counter(int condition, bool holds, Few<int> names, int initial, int next,
                                 bool at_end);
  bool given_to_function(int value) const;
  void counts_by(const Counter& counter, int loop, int around);
  void while_loop(const Operation& operation, At at);
  void launch(const Operation& operation, At at);
  const Few<int>& users(int value);
  void numbered(int value, std::span<const std::pair<int, std::int64_t>> terms, At at);
  void number_body(int body, std::span<const std::vector<std::pair<int, std::int64_t>>> dimensions,
                   std::span<const int> loops, At at);

  // How often sides of branches are taken (mlir/nest_shares.cpp).
  using Constraint = Condition::Constraint;
  using Literal = Condition::Literal;
  using Pair = Condition::Pair;
  using Computed = Condition::Computed;
  double least(const Nest::Index& index) const;
  double share(const std::vector<Constraint>& list, At at);
  std::optional<double> share(const Constraint& one) const;
  double equal_in(const Constraint& one) const;
  struct Iterations {
    double from = 0.0, to = 0.0;  ///< the first of them, and the first behind the last
    double count = 0.0;
  };
  Iterations iterations(int loop, std::span<const Constraint> list) const;
  double share(const std::vector<Constraint>& all, std::span<const std::vector<Constraint>> not_all, At at);
  std::optional<double> share(const Condition& condition, At at);
  std::optional<double> share(Literal literal, Condition& condition, At at);
  Few<double> shares(const Operation& operation, At at, Condition& condition);

  // What truth values are joined of (mlir/nest_joined.cpp).
  bool condition(Literal literal, Condition& made, std::size_t& seen);
  bool either(const Literal& whole, const Pair& pair, Condition& made, std::size_t& seen);
  std::optional<std::array<int, 3>> chosen_by(int value) const;
  std::optional<Literal> same_truth(const Literal& literal) const;
  std::optional<Pair> pair(const Literal& literal) const;
  std::optional<Constraint> constraint(const Literal& literal);

  // How often what is computed holds (mlir/nest_computed.cpp).
  struct Entering {
    Few<int> loops, values;
  };
  std::optional<double> share_computed(const Condition& condition, At at);
  Points truth(const Computed& one);
  Points truth(const Held& held);
  bool enters(const Computed& one, Entering& entering);
  std::optional<double> in_iterations(const Entering& entering, std::span<const Computed* const> list,
                                      const Condition& condition, At at);

  // All iterations of the loops that decide a condition (mlir/nest_grid.cpp).
  /// How long a loop is whose entries differ.
  struct Length {
    Few<int> bounds;  ///< values
    /// Of an entry, at the sample points; none where it is not known.
    std::function<std::optional<Points>()> trips;
  };
  void in_grid(const Grid& grid, std::span<const int> known, const std::function<void()>& look);
  std::optional<Points> trips(const Loop& loop);
  int counts_from(int value) const;
  bool is_sum(const Nest::Index& index) const;
  bool length_of(int loop, Entering& entering);
  std::optional<Points> lengths(int loop, const Grid& grid);
  std::optional<Grid> grid(std::span<const int> deciding, At at, bool tied, bool parts = false);
  void weigh(int loop, At at);
  static bool further(std::span<Grid::Link> chain);
  std::optional<Grid> iterations(std::span<const Grid::Link> chain, double parts);
  std::optional<double> share_of_all(std::span<const Constraint> list, At at);

  // What holds on a side of a branch (mlir/nest_held.cpp).
  Around around(int under) const;
  void leave_around(const Around& around, Grid& grid);
  Few<int> tied_to(int loop);
  bool bind(const Around& around, Few<int>& loops, bool lengths);
  double decided(const std::vector<Constraint>& list) const;
  double decided(std::vector<Constraint> list, std::span<const std::vector<Constraint>> not_all) const;
  void add(Stands& stands, std::span<const Constraint> list) const;
  Points stands(int loop) const;
  Points shown(At at);
  Narrowed narrowed(At at) const;
  void settle();
  void side(At at, const Condition& condition, bool taken, const std::function<void(At)>& walk);

  // What deciding takes (mlir/nest_conditions.cpp).
  int whole_step(At at, Work work, Few<int> uses, std::uint64_t code, int bits);
  int decide(const Operation& operation, At at);
  std::size_t fork(int loop, int condition, const Condition& holds, std::vector<double> shares, bool known);

  bool one_length(const Loop& loop);
  // What numbers and truth values are at the sample points (mlir/nest_points.cpp); NaN: it is not known.
  Points points(int value);
  std::vector<Points> points(std::span<const int> values);
  Points points(const Bound& bound, bool lower, bool& known);
  Points points(const AffineMap& map, std::size_t result, std::span<const Points> operands) const;
  Points of_operands(const Operation& operation, int value);
  Points chosen(const Points& truth, int value, int other);
  Points taken_at(const Operation& operation);
  Points recast(const Operation& operation, Points points) const;

  const Nest::Index& index(int value);
  bool keeps(const Operation& operation);
  void known_only_when_it_runs(Nest::Index& index, int value) const;
  Nest::Index mapped(const AffineMap& map, std::size_t result, std::span<const int> operands);
  /// A result with quotients or remainders, where what enters them is whole multiples of the divisor and a
  /// rest below it, as in blocks of a loop: a sum again. None where it is not so for certain.
  std::optional<Nest::Index> divided_exactly(const AffineMap& map, std::size_t result,
                                             std::span<const int> operands);
  std::optional<Nest::Index> divided_exactly(const AffineNode& node, int dims,
                                             std::span<const std::optional<Nest::Index>> values,
                                             std::span<const int> operands);
  Nest::Index scaled(Nest::Index index, double factor) const;
  Nest::Index sum(Nest::Index a, const Nest::Index& b) const;
  int buffer(int value);

  // Parts of buffers (mlir/nest_views.cpp).
  /// How positions in a part of a buffer are positions in the buffer.
  struct View {
    struct Dimension {
      Nest::Index offset;
      Few<std::pair<int, double>, 2> by;  ///< dimension of the part, how far one position of it goes
    };
    std::vector<Dimension> dimensions;  ///< of the buffer
  };
  View view_of(int value) const;
  bool part(const Operation& operation, int value);
  std::optional<View> view_into(const Operation& operation, int from, const Type& type, std::size_t operand);
  static bool same_view(const View& a, const View& b);
  void insert_slice(const Operation& operation, At at);
  std::optional<std::vector<Nest::Index>> numbers(const Operation& operation, std::string_view name,
                                                  std::size_t& operand);
  Nest::Index composed(const View::Dimension& dimension, std::span<const Nest::Index> indices) const;
  void moved_whole(int value, int of, Nest::Buffer& made);
  void same_place(int value, int as);
  void in_buffer(int value, Nest::Access& access) const;
  Points extent(int value, std::size_t dimension);

  // Pointers (mlir/nest_pointers.cpp), and where what is loaded and stored by them lies
  // (mlir/nest_places.cpp).
  /// A sum of whole numbers: what loops and constants say of it, and what else enters, times a factor and,
  /// where there is one, a number that is the same all through the function.
  struct Sum {
    struct Part {
      Nest::Index index;
      double factor = 1.0;
      int stride = Nest::kNoValue;   ///< value
      std::uint64_t stride_key = 0;  ///< the same for equal strides
    };
    Nest::Index known;
    std::vector<Part> parts;
  };
  /// A pointer: memory, and how many bytes behind its begin.
  struct Pointer {
    int memory = -1;
    Sum bytes;
  };
  /// What pointers point into: all that one value of the function does, or a member of it, or a global.
  struct Memory {
    Few<std::pair<double, int>> buffers;  ///< by the bytes of an element
    double bytes = 0.0;                   ///< 0: the text does not say
    bool argument = false, heap = false;
  };
  /// A value, or a member of one: where it comes from through what makes structs of it and takes them apart.
  struct Origin {
    int value = -1;
    Few<std::int64_t> member;
  };
  struct Pointed {
    std::size_t access = 0;
    Sum bytes;
  };
  Origin origin(int value) const;
  const Operation* definer(int value) const;
  const Pointer& pointer(int value);
  int memory(const Origin& origin);
  void index_memory(const Operation& operation, Pointer& pointer);
  Sum sum_of(int value);
  Sum calculated(int value);
  void add(Sum& sum, const Sum& more, double factor) const;
  std::optional<Sum> times(const Sum& sum, int stride, std::uint64_t key) const;
  bool hands_on_pointer(std::span<const int> names, int next, int initial, int loop);
  void access_by_pointer(Nest::Access access, int pointer);
  bool moves_memory(const Operation& operation, At at);
  int buffer_in(int memory, double element_bytes);
  bool allocates(const Operation& operation) const;
  bool describes_memory(int argument);
  void find_addresses(std::size_t first, std::size_t end);
  void place_accesses();
  class Places;

  // Functions that are called (mlir/nest_calls.cpp).
  /// Before a function is looked at: what is known of its operations beforehand.
  void enter(int function);
  int callee(const Operation& operation);
  void call(const Operation& operation, At at);
  /// How much there was of everything.
  struct Since {
    std::size_t loops, accesses, steps, flows, forks, pointed;
  };
  void name_anew(const Since& since, std::unordered_map<int, int>& names);
  void name_anew(Nest::Index& index, std::unordered_map<int, int>& names);
  /// What a call gives: what the function returns, by the numbers that it has here.
  struct Returned {
    Few<int> values;  ///< one of them: of each return
    int buffer = -1;
    std::optional<View> view;
    std::optional<Nest::Index> index;
    Points points;
  };
  std::vector<Returned> returned(const Operation& call, int callee, std::unordered_map<int, int>& names);

  // What iterations wait for (mlir/chains.cpp).
  Way latency(int from, int to);
  /// Of a comparison, choice or rounding of reals: what it takes, knowing which operands are constants.
  Choice choice(const Operation& operation) const;
  void carried_chain(const Operation& operation, int loop);
  void carried_chain(std::span<const int> from, std::span<const int> to, int loop);

  // Blocks that jump to each other (mlir/nest_jumps.cpp).
  /// Blocks one after the other, those from one that is jumped back to as a loop.
  void jumps(int region, At at);
  struct Walk {
    int begin = 0, end = 0, then = -1;  ///< blocks; `then`: the one that a way goes on with; -1: it is no way
  };
  void blocks(const Jumps& jumps, Walk walk, At at);
  std::optional<std::pair<Walk, Walk>> ways(const Jumps& jumps, int block, Walk walk) const;
  bool both_ways(const Jumps& jumps, int block, const std::pair<Walk, Walk>& ways, At at);
  static int before(const Jumps& jumps, int head);
  std::optional<std::span<const int>> given(const Jumps& jumps, int by, int block) const;
  Few<std::pair<int, int>> handed_in(const Jumps& jumps, int head) const;
  std::optional<Counter> counter(const Jumps& jumps, int head);
  void handed_back(const Jumps& jumps, int head, int loop, const std::optional<Counter>& counter);

  // Operations on whole tensors (mlir/nest_tensors.cpp).
  bool tensors(const Operation& operation, At at, Work work);
  void structured(const Operation& operation, At at);
  bool softmax(const Operation& operation, At at);
  bool join(const Operation& operation, At at);
  bool fuses(const Operation& operation, const Domain& domain);
  /// An element-wise operation whose one use computes it: what linalg-fuse-elementwise-ops does.
  struct Fused {
    Domain domain;
    int body = -1;
    At at;  ///< where it stands
    int bits = 0;
    bool real = false;
  };
  int load(const Domain::Operand& operand, std::span<const int> loops, At at);
  Nest::Access moved(const Domain::Operand& operand, std::span<const int> loops, At at);
  void element_wise(const Operation& operation, At at, Work work);
  void reduction(const Operation& operation, At at, bool pooling);
  bool windows(const Operation& operation, const Type& input, const Type& output, Domain& loops,
               Domain::Operand& from, Domain::Operand& to);
  std::vector<std::int64_t> permutation(const Operation& operation, std::size_t rank) const;
  void contraction(const Operation& operation, At at);
  void copy(const Operation& operation, At at);
  void domain(const Domain& domain, At at, std::span<const Work> work, int bits, bool real, int body);
  std::optional<Points> told_size(const Domain& domain, std::size_t loop);
  std::optional<Domain> generic_domain(const Operation& operation) const;
  bool holds_tensors(const Operation& operation) const;

  const Module& module_;
  Nest& nest_;
  std::size_t samples_ = 1;
  std::vector<bool> dead_;          ///< by operation
  Few<std::pair<int, int>> heads_;  ///< of loops of blocks that are being walked: region, block
  Few<int> calling_;                ///< functions being walked, the outermost first
  int walked_ = 0, chain_ = 0, order_ = 0, implied_ = Nest::kNoValue;
  std::map<std::pair<int, std::string_view>, int> callees_;  ///< by region and symbol
  std::unordered_map<int, Way> paths_;                       ///< by value, while latency() walks
  bool chased_ = false;                                      ///< it went through a load's place
  std::vector<Points> weights_;  ///< of a loop at each sample point: how often its body runs
  std::vector<Points> trips_;    ///< ... and iterations of an entry
  std::vector<Held> held_;
  std::vector<Narrowed> narrowed_;  ///< by sides of branches around, the outermost first
  std::unordered_map<int, Nest::Index> indices_;
  std::unordered_map<int, int> stands_;  ///< by value: the innermost loop around what gives it
  std::unordered_map<int, Points> values_;
  std::unordered_map<int, int> buffers_;
  std::unordered_map<int, View> views_;                ///< by value: where it is no whole buffer
  std::unordered_map<std::string_view, int> globals_;  ///< by symbol: buffers
  std::unordered_map<int, Pointer> pointers_;          ///< by value
  std::unordered_map<int, Sum> sums_;                  ///< by value
  std::unordered_map<int, int> again_;                 ///< by value: that of before the loop that hands it on
  std::vector<Memory> memories_;
  std::map<std::pair<int, std::uint64_t>, int> memories_of_;  ///< by value and member
  std::vector<Pointed> pointed_;                              ///< accesses by pointers
  std::vector<bool> addresses_;              ///< by operation: of the llvm dialect, for addresses alone
  std::map<int, Fused> fused_;               ///< by result
  std::unordered_map<int, Few<int>> users_;  ///< by value: operations
  /// Operations of the functions looked at, first and end, and how many of them are in users_.
  std::vector<std::pair<std::size_t, std::size_t>> entered_;
  std::size_t counted_ = 0;
  std::unordered_map<int, Length> lengths_;  ///< by loop
  std::size_t looked_at_ = 0;                ///< iterations of grids
  /// Of functions around the one that is walked, of whose values is computed what holds around a call.
  std::vector<const std::unordered_map<int, Nest::Index>*> indices_around_;
  std::vector<const std::unordered_map<int, Points>*> values_around_;
  int inside_ = 0;                     ///< walks of blocks inside each other
  std::size_t weighed_ = 0;            ///< as looked_at_, by weigh()
  std::map<int, const Loop*> begins_;  ///< by loop: where it begins, or by what it goes on, is no sum
};

}  // namespace hone::cost::mlir
