#include "simulate/recording.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "codec/csv.h"
#include "codec/recording_file.h"
#include "simulate/json.h"

namespace tapeline::simulate {
namespace {

constexpr size_t kSymbolsMax = 100'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Whether `text` is a number as JSON writes it (RFC 8259, section 6).
bool is_json_number(std::string_view text) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at > begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  if (at < text.size() && text[at] == '0') {
    ++at;
  } else if (!digits()) {
    return false;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

std::optional<int64_t> to_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

double to_number(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void append_number(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out += ",\"";
  out += name;
  out += "\":";
  if (is_json_number(text))
    out += text;
  else
    json::append_string(out, text);
}

/// As the feed does: a stock's trade without conditions is regular, others have none at all.
void append_conditions(std::string& out, const codec::ConditionsView& conditions,
                       InstrumentClass kind) {
  if (conditions.empty()) {
    out += kind == InstrumentClass::stock ? "{\"c\":[\"1\"]" : "{\"c\":null";
    return;
  }
  out += "{\"c\":[";
  conditions.for_each([&](std::string_view code) {
    if (!out.ends_with('[')) out += ',';
    json::append_string(out, code);
  });
  out += ']';
}

/// One element of a recorded trade frame, as texts.
struct Element {
  std::string symbol;
  std::string_view text;
  std::string_view price;
  std::string_view time;
};

/// The elements of a trade frame; nothing when it is none, or not of the usual form.
std::optional<std::vector<Element>> elements_of(std::string_view frame) {
  std::vector<Element> elements;
  bool trade = false;
  std::string_view data;
  const bool object =
      json::for_each_member(frame, [&](std::string_view name, std::string_view value) {
        if (name == "type") trade = value == "\"trade\"";
        if (name == "data") data = value;
        return true;
      });
  if (!object || !trade) return std::nullopt;
  const auto read = [&](std::string_view text) {
    Element element;
    element.text = text;
    const bool whole =
        json::for_each_member(text, [&](std::string_view name, std::string_view value) {
          if (name == "s") element.symbol = json::to_string(value).value_or("");
          if (name == "p") element.price = value;
          if (name == "t") element.time = value;
          return true;
        });
    elements.push_back(std::move(element));
    return whole && !elements.back().symbol.empty();
  };
  if (!json::for_each_element(data, read) || elements.empty()) return std::nullopt;
  return elements;
}

bool is_error_frame(std::string_view frame) {
  bool error = false;
  json::for_each_member(frame, [&](std::string_view name, std::string_view value) {
    if (name == "type") error = value == "\"error\"";
    return true;
  });
  return error;
}

/// `element` with its time moved; unchanged when there is no shift or no whole number.
void append_shifted(std::string& out, std::string_view element, std::string_view time,
                    int64_t shift_ms) {
  const auto ms = to_integer(time);
  if (shift_ms == 0 || !ms) {
    out += element;
    return;
  }
  const auto at = static_cast<size_t>(time.data() - element.data());
  out += element.substr(0, at);
  out += std::to_string(*ms + shift_ms);
  out += element.substr(at + time.size());
}

}  // namespace

void shift_batch(Batch& batch, std::chrono::milliseconds shift) {
  batch.due += shift;
  const auto elements = elements_of(batch.text);
  if (!elements || elements->size() != batch.elements.size()) return;
  std::string text;
  size_t copied = 0;
  for (size_t i = 0; i < elements->size(); ++i) {
    const Element& element = (*elements)[i];
    const auto at = static_cast<size_t>(element.text.data() - batch.text.data());
    text += std::string_view(batch.text).substr(copied, at - copied);
    copied = at + element.text.size();
    batch.elements[i].begin = static_cast<uint32_t>(text.size());
    append_shifted(text, element.text, element.time, shift.count());
    batch.elements[i].end = static_cast<uint32_t>(text.size());
  }
  text += std::string_view(batch.text).substr(copied);
  batch.text = std::move(text);
}

class Recording::Impl {
 public:
  Impl(FileSystem& files, std::vector<std::string> paths, const RecordingOptions& options)
      : files_(files), paths_(std::move(paths)), options_(options), random_(options.seed) {}

  /// Reads everything once.
  Result<> learn() {
    for (;;) {
      auto got = next_line();
      if (!got.ok()) return got.error();
      if (!got.value()) break;
      if (file_->format() == codec::RecordingFormat::csv) {
        if (const auto row = read_row()) learn(row->symbol, row->time);
      } else if (const auto elements = elements_of(line_)) {
        for (const Element& element : *elements) learn(element.symbol, element.time);
      }
      if (instruments_.size() > kSymbolsMax)
        return make_error(ErrorCode::full,
                          "simulate: {} has more than {} symbols, the most that are served",
                          paths_[path_ - 1], kSymbolsMax);
    }
    if (instruments_.empty())
      return make_error(ErrorCode::invalid,
                        "simulate: there is no trade in {}; give a CSV with the header "
                        "symbol,price,volume,trade_timestamp_ms,conditions or JSON lines of frames",
                        paths_.front());
    quotes_.resize(instruments_.size());
    path_ = 0;
    rows_skipped_ = 0;
    return {};
  }

  Result<bool> next(Batch& batch) {
    batch.clear();
    while (batch.text.empty()) {
      auto got = next_line();
      if (!got.ok() || !got.value()) return got;
      if (file_->format() == codec::RecordingFormat::csv) {
        TAPELINE_TRY(fill_from_rows(batch));
      } else {
        fill_from_frame(batch);
      }
    }
    return true;
  }

  const std::vector<Instrument>& instruments() const { return instruments_; }
  Quote quote(uint32_t instrument) const { return quotes_[instrument]; }
  WallTime first() const { return to_time(first_ms_.value_or(0)); }
  void shift_by(std::chrono::milliseconds shift) { shift_ms_ = shift.count(); }
  uint64_t rows_skipped() const { return rows_skipped_; }

 private:
  static WallTime to_time(int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

  /// The next line of the present file or of the next ones; false at the end of the last.
  Result<bool> next_line() {
    if (std::exchange(unread_, false)) return true;
    for (;;) {
      if (file_) {
        codec::RecordingFile::Line line;
        auto got = file_->next(line);
        if (!got.ok()) return got;
        line_ = line.text;
        if (got.value() && line.oversized) {
          ++rows_skipped_;
          continue;
        }
        if (got.value()) return true;
        file_.reset();
      }
      if (path_ == paths_.size()) return false;
      auto opened = codec::RecordingFile::open(files_, paths_[path_++]);
      if (!opened.ok()) return opened.error();
      file_ = std::move(opened).value();
    }
  }

  /// `line_` as a row; nothing when it is none, or about no symbol.
  std::optional<codec::CsvFields> read_row() {
    auto row = rows_.fields(line_);
    if (row && row->symbol.empty()) row.reset();
    return row;
  }

  void learn(std::string_view symbol, std::string_view time) {
    if (!first_ms_) first_ms_ = to_integer(time);
    const auto [at, added] =
        index_.try_emplace(std::string(symbol), static_cast<uint32_t>(instruments_.size()));
    if (!added) return;
    Instrument instrument;
    instrument.symbol = symbol;
    instrument.description = instrument.symbol;
    instrument.kind = class_of(symbol);
    instruments_.push_back(std::move(instrument));
  }

  /// The arrival of something with this event time: nothing arrives before what came before it.
  int64_t arrival_ms(std::string_view time) const {
    return std::max(arrived_ms_, to_integer(time).value_or(arrived_ms_));
  }

  /// `line_` is the first row.
  Result<> fill_from_rows(Batch& batch) {
    const uint64_t size = 1 + random_.below(options_.trades_per_frame_max);
    int64_t begin_ms = 0;
    batch.text = kFrameHead;
    for (;;) {
      if (const auto row = read_row()) {
        const int64_t due_ms = arrival_ms(row->time);
        if (batch.elements.empty()) begin_ms = due_ms;
        if (due_ms - begin_ms > options_.frame_span.count()) {
          unread_ = true;
          break;
        }
        arrived_ms_ = due_ms;
        append(batch, *row);
      } else {
        ++rows_skipped_;
      }
      if (batch.elements.size() == size) break;
      auto got = next_line();
      if (!got.ok()) return got.error();
      if (!got.value()) break;
      if (file_->format() != codec::RecordingFormat::csv) {
        unread_ = true;
        break;
      }
    }
    batch.due = to_time(arrived_ms_ + shift_ms_);
    if (batch.elements.empty())
      batch.text.clear();
    else
      batch.text += kFrameTail;
    return {};
  }

  void append(Batch& batch, const codec::CsvFields& row);

  void fill_from_frame(Batch& batch) {
    const auto elements = elements_of(line_);
    if (!elements) {
      if (!is_error_frame(line_)) batch.text = line_;
      batch.due = to_time(arrived_ms_ + shift_ms_);
      return;
    }
    // The text between the elements stays what it is.
    size_t copied = 0;
    for (const Element& element : *elements) {
      const auto at = static_cast<size_t>(element.text.data() - line_.data());
      batch.text += line_.substr(copied, at - copied);
      copied = at + element.text.size();
      const auto begin = static_cast<uint32_t>(batch.text.size());
      append_shifted(batch.text, element.text, element.time, shift_ms_);
      const uint32_t instrument = index_.at(element.symbol);
      batch.elements.push_back({instrument, begin, static_cast<uint32_t>(batch.text.size())});
      arrived_ms_ = arrival_ms(element.time);
      note_price(instrument, element.price, element.time);
    }
    batch.text += line_.substr(copied);
    batch.due = to_time(arrived_ms_ + shift_ms_);
  }

  void note_price(uint32_t instrument, std::string_view price, std::string_view time) {
    const double value = to_number(price);
    if (!(value > 0)) return;
    Quote& quote = quotes_[instrument];
    if (quote.time_s == 0) quote.open = quote.high = quote.low = value;
    quote.high = std::max(quote.high, value);
    quote.low = std::min(quote.low, value);
    quote.last = value;
    quote.time_s = (to_integer(time).value_or(0) + shift_ms_) / 1'000;
  }

  FileSystem& files_;
  const std::vector<std::string> paths_;
  const RecordingOptions options_;
  Random random_;
  std::vector<Instrument> instruments_;
  std::unordered_map<std::string, uint32_t> index_;
  std::vector<Quote> quotes_;
  std::optional<int64_t> first_ms_;

  size_t path_ = 0;  ///< Of the file to be opened next.
  std::unique_ptr<codec::RecordingFile> file_;
  std::string_view line_;
  codec::CsvRowParser rows_;
  bool unread_ = false;  ///< `line_` is to be handed out once more.
  int64_t arrived_ms_ = 0;
  int64_t shift_ms_ = 0;
  uint64_t rows_skipped_ = 0;
};

void Recording::Impl::append(Batch& batch, const codec::CsvFields& row) {
  const uint32_t instrument = index_.at(std::string(row.symbol));
  if (!batch.elements.empty()) batch.text += ',';
  const auto begin = static_cast<uint32_t>(batch.text.size());
  append_conditions(batch.text, row.conditions, instruments_[instrument].kind);
  append_number(batch.text, "p", row.price);
  batch.text += ",\"s\":";
  json::append_string(batch.text, row.symbol);
  if (const auto ms = to_integer(row.time); ms && shift_ms_ != 0)
    append_number(batch.text, "t", std::to_string(*ms + shift_ms_));
  else
    append_number(batch.text, "t", row.time);
  append_number(batch.text, "v", row.volume);
  batch.text += '}';
  batch.elements.push_back({instrument, begin, static_cast<uint32_t>(batch.text.size())});
  note_price(instrument, row.price, row.time);
}

Result<std::unique_ptr<Recording>> Recording::open(FileSystem& files,
                                                   std::vector<std::string> paths,
                                                   const RecordingOptions& options) {
  auto impl = std::make_unique<Impl>(files, std::move(paths), options);
  TAPELINE_TRY(impl->learn());
  return std::unique_ptr<Recording>(new Recording(std::move(impl)));
}

Recording::Recording(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Recording::~Recording() = default;

Result<bool> Recording::next(Batch& batch) {
  return impl_->next(batch);
}

const std::vector<Instrument>& Recording::instruments() const {
  return impl_->instruments();
}

Quote Recording::quote(uint32_t instrument) const {
  return impl_->quote(instrument);
}

WallTime Recording::first() const {
  return impl_->first();
}

void Recording::shift_by(std::chrono::milliseconds shift) {
  impl_->shift_by(shift);
}

uint64_t Recording::rows_skipped() const {
  return impl_->rows_skipped();
}

}  // namespace tapeline::simulate
