//! Expressions of Prometheus, taken apart.

use std::collections::BTreeMap;
use std::time::Duration;

use promql_parser::parser::{self, Expr, VectorSelector};

/// A series that an expression asks for.
#[derive(Clone, Debug)]
pub struct Selected {
    pub name: String,
    /// Its matchers as they are written: `=~"$job"`.
    pub matchers: BTreeMap<String, String>,
    /// The time that it is asked for, and the function that gets it, if any.
    pub range: Option<(Duration, String)>,
}

/// Everything that an expression asks for.
///
/// # Errors
/// What the parser says of an expression that is none.
pub fn selected(expression: &str) -> Result<Vec<Selected>, String> {
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
