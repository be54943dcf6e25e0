#include "base/mutant.h"

#ifdef TAPELINE_MUTANTS

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace tapeline {
namespace {

#define TAPELINE_MUTANT_TEXT(name, sentence) MutantText{#name, sentence},
constexpr std::array kTexts = {TAPELINE_EACH_MUTANT(TAPELINE_MUTANT_TEXT)};
#undef TAPELINE_MUTANT_TEXT

std::optional<Mutant>& chosen() {
  static std::optional<Mutant> mutant;
  return mutant;
}

}  // namespace

bool mutated(Mutant mutant) {
  return chosen() == mutant;
}

std::span<const MutantText> mutants() {
  return kTexts;
}

Result<> put_in_mutant(std::string_view name) {
  const auto at = std::find_if(kTexts.begin(), kTexts.end(),
                               [&](const MutantText& text) { return text.name == name; });
  if (at == kTexts.end()) {
    std::string known;
    for (const MutantText& text : kTexts) (known += known.empty() ? "" : ", ") += text.name;
    return make_error(ErrorCode::invalid, "there is no mutant '{}'; there are: {}", name, known);
  }
  chosen() = static_cast<Mutant>(at - kTexts.begin());
  return {};
}

}  // namespace tapeline

#endif
