//! One row of a configuration table, and what makes a text a legal value of it.
//!
//! Not here: the rows themselves, and where a value in force came from.

use std::fmt;

use crate::base::ErrorCode;

/// The type of a config as `DescribeConfigs` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each name is Kafka's own and says all there is to say")]
pub enum ConfigType {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

/// What a value must be beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Valid {
    /// Whatever the type takes.
    Any,
    /// A number no smaller than this.
    AtLeast(i64),
    /// A number within both bounds.
    Between(i64, i64),
    /// A gzip level: 1 to 9, or -1.
    GzipLevel,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts in any case.
    OneOfIgnoringCase(&'static [&'static str]),
    /// A text of at least one character.
    NonEmptyString,
    /// A list without empty elements; itself empty only where `empty` says so.
    List {
        /// Whether no element at all is legal.
        empty: bool,
    },
    /// Any of these texts, or none.
    ListOf(&'static [&'static str]),
    /// At least one of these texts.
    NonEmptyListOf(&'static [&'static str]),
    /// `partition:broker` pairs, or `*`.
    ThrottledReplicas,
    /// `earliest`, `latest` or `by_duration:` and an ISO-8601 duration.
    OffsetReset,
}

/// How a broker config may change while the broker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpdateMode {
    /// Not at all.
    ReadOnly,
    /// For one broker at a time.
    PerBroker,
    /// For one broker or for all.
    ClusterWide,
}

/// How much a config matters to most people, in Kafka's grades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each name is Kafka's own and says all there is to say")]
pub enum Importance {
    High,
    Medium,
    Low,
}

/// One config: a row of a table.
///
/// ```
/// use rehearsal::config::{ConfigKind, Value, find};
/// let retention = find(ConfigKind::Topic, "retention.ms").unwrap();
/// assert_eq!(retention.parse("60000").unwrap(), Value::Long(60_000));
/// assert_eq!(
///     retention.parse("soon").unwrap_err().to_string(),
///     "Invalid value soon for configuration retention.ms: Not a number of type LONG"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// Kafka's name.
    pub name: &'static str,
    /// The type of its values.
    pub kind: ConfigType,
    /// Kafka's default; `None` is null.
    pub default: Option<&'static str>,
    /// What a value must be beyond its type.
    pub valid: Valid,
    /// For a topic config, the broker configs that stand in for it, best first; for a broker config, those of the
    /// same meaning (itself among them), best first.
    pub synonyms: &'static [&'static str],
    /// How it may change while the broker runs; what topics, groups and clients have is always changeable.
    pub update: UpdateMode,
    /// How much it matters to most people.
    pub importance: Importance,
    /// Whether a typed view reads it: its value changes what the cluster does. Others are kept and described only.
    pub applied: bool,
    /// Whether Kafka leaves it out of a description unless it was set.
    pub internal: bool,
    /// What it means, in one sentence.
    pub documentation: &'static str,
}

/// A value that its definition accepts.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each name is a type's own")]
pub enum Value {
    Boolean(bool),
    Short(i16),
    Int(i32),
    Long(i64),
    Double(f64),
    /// A string, a class name or a password.
    Text(String),
    List(Vec<String>),
}

/// Why a configuration is refused: the code to answer with, and Kafka's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    code: ErrorCode,
    message: String,
}

impl Definition {
    pub(super) const fn new(name: &'static str, kind: ConfigType, default: Option<&'static str>, valid: Valid) -> Self {
        Self {
            name,
            kind,
            default,
            valid,
            synonyms: &[],
            update: UpdateMode::ClusterWide,
            importance: Importance::Medium,
            applied: false,
            internal: false,
            documentation: "",
        }
    }

    pub(super) const fn synonyms(mut self, synonyms: &'static [&'static str]) -> Self {
        self.synonyms = synonyms;
        self
    }

    pub(super) const fn graded(mut self, update: UpdateMode, importance: Importance) -> Self {
        self.update = update;
        self.importance = importance;
        self
    }

    pub(super) const fn applied(mut self) -> Self {
        self.applied = true;
        self
    }

    pub(super) const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    pub(super) const fn doc(mut self, documentation: &'static str) -> Self {
        self.documentation = documentation;
        self
    }

    /// Whether its values must not be shown.
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.kind, ConfigType::Password)
    }

    /// Reads `text` as a value of this config.
    ///
    /// # Errors
    /// [`ConfigError`] (`INVALID_CONFIG`) in Kafka's words when the type or the range does not hold.
    pub fn parse(&self, text: &str) -> Result<Value, ConfigError> {
        let value = self.typed(text)?;
        self.check(&value)?;
        Ok(value)
    }

    fn typed(&self, text: &str) -> Result<Value, ConfigError> {
        let trimmed = java_trim(text);
        let number = || ConfigError::value(self.name, text, &format!("Not a number of type {}", self.kind));
        Ok(match self.kind {
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
            ConfigType::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
            ConfigType::Boolean => {
                return Err(ConfigError::value(self.name, text, "Expected value to be either true or false"));
            }
            ConfigType::Short => Value::Short(trimmed.parse().map_err(|_| number())?),
            ConfigType::Int => Value::Int(trimmed.parse().map_err(|_| number())?),
            ConfigType::Long => Value::Long(trimmed.parse().map_err(|_| number())?),
            ConfigType::Double => Value::Double(java_double(trimmed).ok_or_else(number)?),
            ConfigType::List if trimmed.is_empty() => Value::List(Vec::new()),
            ConfigType::List => Value::List(elements(trimmed, !matches!(self.valid, Valid::ThrottledReplicas))),
            ConfigType::String | ConfigType::Class => Value::Text(trimmed.to_owned()),
            ConfigType::Password => Value::Text(text.to_owned()),
        })
    }

    fn check(&self, value: &Value) -> Result<(), ConfigError> {
        let refuse = |why: &str| Err(ConfigError::value(self.name, &value.to_string(), why));
        match (self.valid, value) {
            (Valid::AtLeast(min) | Valid::Between(min, _), number) if number.is_below(min) => {
                refuse(&format!("Value must be at least {min}"))
            }
            (Valid::Between(_, max), number) if number.is_above(max) => {
                refuse(&format!("Value must be no more than {max}"))
            }
            (Valid::GzipLevel, Value::Int(level)) if *level != -1 && !(1..=9).contains(level) => {
                refuse("Value must be between 1 and 9 or equal to -1")
            }
            (Valid::OneOf(legal), Value::Text(text)) if !legal.contains(&text.as_str()) => {
                refuse(&format!("String must be one of: {}", legal.join(", ")))
            }
            (Valid::OneOfIgnoringCase(legal), Value::Text(text))
                if !legal.iter().any(|one| one.eq_ignore_ascii_case(text)) =>
            {
                refuse(&format!("String must be one of (case insensitive): {}", legal.join(", ")))
            }
            (Valid::NonEmptyString, Value::Text(text)) if text.is_empty() => refuse("String must be non-empty"),
            (Valid::ThrottledReplicas, Value::List(pairs)) if !are_throttled_replicas(pairs) => {
                Err(ConfigError::value(
                    self.name,
                    &format!("[{}]", pairs.join(", ")),
                    &format!(
                        "{} must be the literal '*' or a list of replicas in the following format: \
                     [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                        self.name
                    ),
                ))
            }
            (Valid::OffsetReset, Value::Text(text)) if !is_offset_reset(text) => refuse(&format!(
                "Invalid value `{text}` for configuration {}. The value must be either 'earliest', 'latest' or of the \
                 format 'by_duration:<PnDTnHnMn.nS>'.",
                self.name
            )),
            (Valid::List { empty }, Value::List(elements)) => self.check_list(elements, &[], empty),
            (Valid::ListOf(legal), Value::List(elements)) => self.check_list(elements, legal, true),
            (Valid::NonEmptyListOf(legal), Value::List(elements)) => self.check_list(elements, legal, false),
            _ => Ok(()),
        }
    }

    fn check_list(&self, elements: &[String], legal: &[&str], empty: bool) -> Result<(), ConfigError> {
        if elements.is_empty() && !empty {
            let any =
                if legal.is_empty() { "any non-empty value".to_owned() } else { format!("[{}]", legal.join(", ")) };
            let message = format!("Configuration '{}' must not be empty. Valid values include: {any}", self.name);
            return Err(ConfigError::invalid(message));
        }
        for element in elements {
            if element.is_empty() {
                return Err(ConfigError::invalid(format!("Configuration '{}' values must not be empty.", self.name)));
            }
            if !legal.is_empty() && !legal.contains(&element.as_str()) {
                return Err(ConfigError::value(
                    self.name,
                    element,
                    &format!("String must be one of: {}", legal.join(", ")),
                ));
            }
        }
        Ok(())
    }
}

/// The elements of a list; Kafka drops repeated ones of the lists that it checks.
fn elements(text: &str, once: bool) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for element in text.split(',').map(java_trim) {
        if !(once && all.iter().any(|seen| seen == element)) {
            all.push(element.to_owned());
        }
    }
    all
}

impl Value {
    fn is_below(&self, min: i64) -> bool {
        match self {
            Self::Double(number) => *number < from_bound(min),
            other => other.whole().is_some_and(|number| number < min),
        }
    }

    fn is_above(&self, max: i64) -> bool {
        match self {
            Self::Double(number) => *number > from_bound(max),
            other => other.whole().is_some_and(|number| number > max),
        }
    }

    /// The number, if it is a whole one.
    pub fn whole(&self) -> Option<i64> {
        match self {
            Self::Short(number) => Some((*number).into()),
            Self::Int(number) => Some((*number).into()),
            Self::Long(number) => Some(*number),
            _ => None,
        }
    }
}

/// The bounds of doubles in the tables are small whole numbers.
fn from_bound(bound: i64) -> f64 {
    i32::try_from(bound).map_or(f64::MAX, f64::from)
}

impl ConfigError {
    /// A value that its config does not take.
    fn value(name: &str, value: &str, why: &str) -> Self {
        Self::invalid(format!("Invalid value {value} for configuration {name}: {why}"))
    }

    pub(super) fn invalid(message: String) -> Self {
        Self { code: ErrorCode::INVALID_CONFIG, message }
    }

    pub(super) fn request(message: String) -> Self {
        Self { code: ErrorCode::INVALID_REQUEST, message }
    }

    /// The same reason as `INVALID_REQUEST`, which is how a broker refuses its own configs.
    #[must_use]
    pub fn as_invalid_request(self) -> Self {
        Self { code: ErrorCode::INVALID_REQUEST, ..self }
    }

    /// The code to answer with.
    pub const fn error_code(&self) -> ErrorCode {
        self.code
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        })
    }
}

impl ConfigType {
    /// The number in a `DescribeConfigs` answer.
    pub const fn number(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }
}

/// As `DescribeConfigs` shows it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Short(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Long(value) => write!(f, "{value}"),
            Self::Double(value) => f.write_str(&show_double(*value)),
            Self::Text(value) => f.write_str(value),
            Self::List(elements) => f.write_str(&elements.join(",")),
        }
    }
}

/// Java's `trim`: control characters and blanks go.
fn java_trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// Java's `Double.parseDouble`, without its hexadecimal form.
fn java_double(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        _ => {}
    }
    let text = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    // Rust also reads "inf" and "nan" in any case.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if plain { text.parse().ok() } else { None }
}

/// Java's `Double.toString`.
fn show_double(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    if value == 0.0 || value.is_nan() || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    if text.contains('.') { text } else { text.replacen('E', ".0E", 1) }
}

fn are_throttled_replicas(pairs: &[String]) -> bool {
    let is_pair = |pair: &String| {
        pair.split_once(':').is_some_and(|(partition, broker)| {
            [partition, broker].iter().all(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    pairs.iter().all(|pair| pair.is_empty() || is_pair(pair)) || (pairs.len() == 1 && pairs[0] == "*")
}

fn is_offset_reset(text: &str) -> bool {
    let duration = text.strip_prefix("by_duration:").map(str::to_ascii_lowercase);
    text == "earliest" || text == "latest" || duration.is_some_and(|duration| is_duration(&duration))
}

/// Whether `text` (lower case) is an ISO-8601 duration of days, hours, minutes and seconds that is not negative.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('p') else { return false };
    let (days, time) = rest.split_once('t').map_or((rest, None), |(days, time)| (days, Some(time)));
    let days_hold = days.is_empty() || days.strip_suffix('d').is_some_and(is_digits);
    let time_holds = time.is_none_or(has_time_parts);
    days_hold && time_holds && !(days.is_empty() && time.is_none())
}

fn has_time_parts(mut text: &str) -> bool {
    let mut seen = false;
    for unit in ['h', 'm', 's'] {
        if let Some((count, rest)) = text.split_once(unit) {
            let whole = if unit == 's' { count.split_once('.').map_or(count, |(whole, _)| whole) } else { count };
            if !is_digits(whole) {
                return false;
            }
            seen = true;
            text = rest;
        }
    }
    seen && text.is_empty()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
