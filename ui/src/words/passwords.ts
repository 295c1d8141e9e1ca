/** As the server counts: shorter ones are refused, and so are those that would be guessed soon. */
export const PASSWORD_LENGTH_MIN = 10;
