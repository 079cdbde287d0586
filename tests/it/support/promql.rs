//! Parses Prometheus expressions.

use std::collections::BTreeMap;
use std::time::Duration;

use promql_parser::parser::{self, Expr, VectorSelector};

/// A series that an expression selects.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub name: String,
    /// Its matchers as written: `=~"$job"`.
    pub matchers: BTreeMap<String, String>,
    /// The range, and the function applied to it, if any.
    pub range: Option<(Duration, String)>,
}

/// Returns everything that an expression selects.
///
/// # Errors
/// The parser's error for an invalid expression.
pub(crate) fn selected(expression: &str) -> Result<Vec<Selected>, String> {
    let mut found = Vec::new();
    gather(&parser::parse(expression)?, "", &mut found);
    Ok(found)
}

fn gather(expression: &Expr, function: &str, found: &mut Vec<Selected>) {
    match expression {
        Expr::Aggregate(aggregate) => gather(&aggregate.expr, "", found),
        Expr::Unary(unary) => gather(&unary.expr, "", found),
        Expr::Binary(binary) => {
            gather(&binary.lhs, "", found);
            gather(&binary.rhs, "", found);
        }
        Expr::Paren(inner) => gather(&inner.expr, function, found),
        Expr::Subquery(subquery) => gather(&subquery.expr, "", found),
        Expr::VectorSelector(selector) => found.push(read(selector, None)),
        Expr::MatrixSelector(matrix) => found.push(read(&matrix.vs, Some((matrix.range, function.to_owned())))),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| gather(argument, call.func.name, found)),
        _ => {}
    }
}

fn read(selector: &VectorSelector, range: Option<(Duration, String)>) -> Selected {
    let matchers = selector.matchers.matchers.iter();
    let matchers = matchers.map(|matcher| (matcher.name.clone(), format!("{}{:?}", matcher.op, matcher.value))).collect();
    Selected { name: selector.name.clone().unwrap_or_default(), matchers, range }
}
